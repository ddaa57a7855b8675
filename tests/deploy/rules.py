"""What must hold for manifests, rendered or plain. Each rule gets all objects and gives complaints."""

import re

from files import NAMESPACE, settings, tested_nats

# Settings that other changes bring; the manifests use them already.
AWAITED = {"AEGIS_PROFILE", "AEGIS_NATS_REPLICAS"}


def name(found):
    """How a complaint calls an object."""
    return f"{found['kind']} {found['metadata']['name']}"


def of(objects, *kinds):
    return [found for found in objects if found["kind"] in kinds]


def workloads(objects):
    return of(objects, "Deployment", "StatefulSet", "DaemonSet", "Job")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def containers(objects):
    for workload in workloads(objects):
        for container in pod(workload).get("initContainers", []) + pod(workload)["containers"]:
            yield f"{name(workload)}, container {container['name']}", workload, container


def at(tree, path, default=None):
    """What stands at a path such as `spec.replicas`."""
    for part in path.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return default
        tree = tree[part]
    return tree


def expect(where, tree, wanted):
    """Complaints about paths that have another value than wanted; a callable judges by itself."""
    for path, value in wanted.items():
        there = at(tree, path)
        fine = value(there) if callable(value) else there == value
        if not fine:
            yield f"{where}: {path} is {there}"


def selects(selector, workload):
    labels = workload["spec"]["template"]["metadata"]["labels"]
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text)[1])


def environment(container):
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}


def given(there):
    return there not in (None, "", [])


def pods_have_no_rights(objects):
    for workload in workloads(objects):
        yield from expect(name(workload), pod(workload), {
            "securityContext.runAsNonRoot": True,
            "securityContext.runAsUser": lambda user: bool(user) and user > 0,
            "securityContext.seccompProfile.type": "RuntimeDefault",
            "automountServiceAccountToken": False,
            # Variables such as AEGIS_TRADER_NATS_PORT would look like settings.
            "enableServiceLinks": False,
            "hostNetwork": lambda there: not there,
            "serviceAccountName": given,
        })
    for where, _, container in containers(objects):
        yield from expect(where, container, {
            "securityContext.allowPrivilegeEscalation": False,
            "securityContext.readOnlyRootFilesystem": True,
            "securityContext.capabilities.drop": ["ALL"],
            "securityContext.privileged": lambda there: not there,
        })


def pods_say_what_they_need(objects):
    for where, _, container in containers(objects):
        yield from expect(where, container, {
            "resources.requests.cpu": given,
            "resources.requests.memory": given,
            "resources.limits.memory": given,
        })


def images_have_a_version(objects):
    for where, _, container in containers(objects):
        if not re.search(r"(@sha256:[0-9a-f]{64}|:[0-9][\w.-]*)$", container["image"]):
            yield f"{where}: the image {container['image']} has no version"
        if container["image"].startswith("nats:") and f":{tested_nats()}-" not in container["image"]:
            yield f"{where}: {container['image']} is not {tested_nats()}, which the tests run on"


def pods_are_asked_how_they_are(objects):
    for where, _, container in containers(objects):
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            yield from expect(where, container, {f"{probe}.httpGet.port": lambda port: port in ports})


def pods_end_in_order(objects):
    for where, workload, container in containers(objects):
        yield from expect(where, container, {"lifecycle.preStop": given})
        ends = at(pod(workload), "terminationGracePeriodSeconds", 30)
        drain = environment(container).get("AEGIS_DRAIN_TIMEOUT")
        if drain:
            needs = seconds(drain) + at(container, "lifecycle.preStop.sleep.seconds", 0)
            if ends <= needs:
                yield f"{where}: is killed after {ends} s, and needs {needs} s"
    for where, _, container in containers(of(objects, "StatefulSet")):
        command = " ".join(at(container, "lifecycle.preStop.exec.command", []))
        if not re.search(r"-sl=ldm=\S+ && sleep [1-9]", command):
            yield f"{where}: gets the signal to end before the lame duck phase has begun"
    for config in of(objects, "ConfigMap"):
        duck = re.search(r"lame_duck_duration: (\w+)", config["data"]["nats.conf"])
        for workload in of(objects, "StatefulSet"):
            if seconds(duck[1]) >= at(pod(workload), "terminationGracePeriodSeconds", 30):
                yield f"{name(workload)}: is killed before the lame duck phase ends"


def a_slow_start_is_no_death(objects):
    for where, _, container in containers(objects):
        probe = container.get("startupProbe", {})
        waits = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        # The default of `connect_timeout` is 10 s.
        if waits < 30:
            yield f"{where}: is killed when a start takes {waits} s"


def one_at_a_time_is_taken_away(objects):
    for workload in workloads(objects):
        budgets = [found for found in of(objects, "PodDisruptionBudget")
                   if selects(at(found, "spec.selector.matchLabels"), workload)]
        if len(budgets) != 1 or at(budgets[0], "spec.maxUnavailable") != 1:
            yield f"{name(workload)}: has no PodDisruptionBudget with maxUnavailable 1"


def pods_are_spread(objects):
    for workload in workloads(objects):
        for rule in at(pod(workload), "topologySpreadConstraints", []):
            if not selects(at(rule, "labelSelector.matchLabels"), workload):
                yield f"{name(workload)}: is spread by labels of others"
        if not at(pod(workload), "topologySpreadConstraints"):
            yield f"{name(workload)}: is not spread over machines"
    for workload in of(objects, "StatefulSet"):
        rules = at(pod(workload), "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution", [])
        if not any(rule["topologyKey"] == "kubernetes.io/hostname" for rule in rules):
            yield f"{name(workload)}: two servers may come to one node"


def volumes_and_mounts_agree(objects):
    for where, workload, container in containers(objects):
        claims = at(workload, "spec.volumeClaimTemplates", [])
        there = {volume["name"] for volume in pod(workload).get("volumes") or []}
        there |= {claim["metadata"]["name"] for claim in claims}
        mounted = {mount["name"] for mount in container.get("volumeMounts") or []}
        for odd in sorted(there ^ mounted):
            yield f"{where}: the volume {odd} is only mounted, or only there"


def variables_are_settings(objects):
    known = settings() | AWAITED
    for where, _, container in containers(objects):
        names = [entry["name"] for entry in container.get("env", [])]
        for twice in sorted({found for found in names if names.count(found) > 1}):
            yield f"{where}: {twice} is said twice"
        for found in names:
            if found.startswith("AEGIS_") and found not in known:
                yield f"{where}: {found} is no setting"


def secrets_stay_out(objects):
    for found in of(objects, "Secret"):
        yield f"{name(found)}: secrets are made by hand"
    for where, _, container in containers(objects):
        for variable, value in environment(container).items():
            if value and re.search(r"PASSWORD|TOKEN|NKEY|SECRET", variable):
                yield f"{where}: {variable} is written in the manifest"


def selectors_find_pods(objects):
    for workload in workloads(objects):
        if not selects(at(workload, "spec.selector.matchLabels"), workload):
            yield f"{name(workload)}: does not select its own pods"
    for found in of(objects, "Service", "NetworkPolicy", "PodDisruptionBudget"):
        selector = (at(found, "spec.podSelector.matchLabels") or at(found, "spec.selector.matchLabels")
                    or at(found, "spec.selector"))
        if not any(selects(selector, workload) for workload in workloads(objects)):
            yield f"{name(found)}: selects nothing"
    accounts = {found["metadata"]["name"] for found in of(objects, "ServiceAccount")}
    for workload in workloads(objects):
        if at(pod(workload), "serviceAccountName") not in accounts:
            yield f"{name(workload)}: its service account is not there"


def ports_agree(objects):
    for service in of(objects, "Service"):
        for workload in workloads(objects):
            if not selects(service["spec"]["selector"], workload):
                continue
            ports = {port["name"]: port["containerPort"] for _, owner, container in containers([workload])
                     for port in container["ports"]}
            for port in service["spec"]["ports"]:
                if ports.get(port["targetPort"]) != port["port"]:
                    yield f"{name(service)}: port {port['port']} is not that of the pod"
    for policy in of(objects, "NetworkPolicy"):
        for workload in workloads(objects):
            if not selects(policy["spec"]["podSelector"]["matchLabels"], workload):
                continue
            opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
            there = {port["containerPort"] for _, _, container in containers([workload])
                     for port in container["ports"]}
            if opened != there:
                yield f"{name(policy)}: lets in {sorted(opened)}, the pod has {sorted(there)}"
    for where, workload, container in containers(objects):
        address = environment(container).get("AEGIS_HTTP_ADDRESS")
        if address:
            port = at(workload, "spec.template.metadata.annotations", {}).get("prometheus.io/port")
            ports = {str(found["containerPort"]) for found in container["ports"]}
            if {address.rsplit(":", 1)[1]} != ports or {port} != ports:
                yield f"{where}: {address}, ports {sorted(ports)} and prometheus.io/port {port} differ"


def the_configuration_fits_the_pods(objects):
    for workload in of(objects, "StatefulSet"):
        text = of(objects, "ConfigMap")[0]["data"]["nats.conf"]
        said = {int(port) for port in re.findall(r"^\s*(?:http_)?port: (\d+)", text, re.M)}
        there = {port["containerPort"] for _, _, container in containers([workload]) for port in container["ports"]}
        count = workload["spec"]["replicas"]
        if said != there and count > 1:
            yield f"nats.conf has the ports {sorted(said)}, the pod {sorted(there)}"
        prefix, headless = workload["metadata"]["name"], workload["spec"]["serviceName"]
        routes = [f"{prefix}-{number}.{headless}:6222" for number in range(count)] if count > 1 else []
        if re.findall(r'"nats://([^"]+)"', text) != routes:
            yield f"nats.conf does not have the routes {routes}"
        if headless not in {service["metadata"]["name"] for service in of(objects, "Service")}:
            yield f"{name(workload)}: the service {headless} is not there"
        limit = re.search(r"max_file_store: (\d+)GiB", text)
        volume = at(workload["spec"]["volumeClaimTemplates"][0], "spec.resources.requests.storage")
        if int(limit[1]) >= int(volume.removesuffix("Gi")):
            yield f"JetStream may use {limit[1]} GiB of a volume of {volume}"


def services_find_nats(objects):
    """For the manifests of both together."""
    brokers = {found["metadata"]["name"]: found for found in of(objects, "Service")}
    for where, workload, container in containers(objects):
        url = environment(container).get("AEGIS_NATS_URL")
        if not url:
            continue
        host = re.fullmatch(r"(?:nats|tls)://([\w-]+)\.([\w-]+)\.svc\.cluster\.local:(\d+)", url)
        broker = host and brokers.get(host[1])
        if not broker or host[2] != NAMESPACE or int(host[3]) != broker["spec"]["ports"][0]["port"]:
            yield f"{where}: no service is at {url}"
        for policy in of(objects, "NetworkPolicy"):
            for rule in policy["spec"]["ingress"]:
                clients = [at(peer, "podSelector.matchLabels") for peer in rule["from"]]
                if {port["port"] for port in rule["ports"]} == {4222}:
                    if not any(selects(labels, workload) for labels in clients):
                        yield f"{where}: {name(policy)} does not let it in"


RULES = [
    pods_have_no_rights, pods_say_what_they_need, images_have_a_version, pods_are_asked_how_they_are,
    pods_end_in_order, a_slow_start_is_no_death, one_at_a_time_is_taken_away, pods_are_spread,
    volumes_and_mounts_agree, variables_are_settings, secrets_stay_out, selectors_find_pods, ports_agree,
    the_configuration_fits_the_pods,
]


def complaints(objects, rules=None):
    """What is wrong with these objects."""
    return [said for rule in rules or RULES for said in rule(objects)]
