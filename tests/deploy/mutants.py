"""Mistakes that the rules must notice: a rule that notices nothing guards nothing."""

import copy

import rules


def workload(objects, kind="Deployment"):
    return rules.of(objects, kind)[0]


def container(objects, kind="Deployment"):
    return rules.pod(workload(objects, kind))["containers"][0]


def drop(find, *path):
    """Removes what stands at a path of a container or pod."""
    def mistake(objects):
        tree = find(objects)
        for part in path[:-1]:
            tree = tree[part]
        del tree[path[-1]]
    return mistake


def put(find, value, *path):
    """Sets what stands at a path."""
    def mistake(objects):
        tree = find(objects)
        for part in path[:-1]:
            tree = tree[part]
        tree[path[-1]] = value
    return mistake


def pod(objects):
    return rules.pod(workload(objects))


def server(objects):
    return container(objects, "StatefulSet")


def set_of_servers(objects):
    return workload(objects, "StatefulSet")


def config(objects):
    return rules.of(objects, "ConfigMap")[0]["data"]


def said(old, new):
    """Says something else in nats.conf."""
    def mistake(objects):
        text = config(objects)["nats.conf"]
        assert old in text, old
        config(objects)["nats.conf"] = text.replace(old, new)
    return mistake


def variable(found, value):
    """Sets a variable of the service, perhaps a new one."""
    def mistake(objects):
        entries = container(objects)["env"]
        entries[:] = [entry for entry in entries if entry["name"] != found]
        entries.append({"name": found, "value": value})
    return mistake


def without(kind):
    """Removes all objects of a kind."""
    def mistake(objects):
        objects[:] = [found for found in objects if found["kind"] != kind]
    return mistake


def policy_of_servers(objects):
    return next(found for found in rules.of(objects, "NetworkPolicy") if "nats" in found["metadata"]["name"])


# A mistake, and a part of the complaint that it must cause.
MISTAKES = [
    (drop(pod, "securityContext", "runAsNonRoot"), "securityContext.runAsNonRoot is None"),
    (put(pod, 0, "securityContext", "runAsUser"), "securityContext.runAsUser is 0"),
    (drop(pod, "securityContext", "seccompProfile"), "seccompProfile.type is None"),
    (drop(pod, "automountServiceAccountToken"), "automountServiceAccountToken is None"),
    (drop(pod, "enableServiceLinks"), "enableServiceLinks is None"),
    (put(pod, True, "hostNetwork"), "hostNetwork is True"),
    (drop(container, "securityContext", "readOnlyRootFilesystem"), "readOnlyRootFilesystem is None"),
    (drop(server, "securityContext", "allowPrivilegeEscalation"), "allowPrivilegeEscalation is None"),
    (drop(container, "securityContext", "capabilities"), "capabilities.drop is None"),
    (drop(server, "resources", "limits"), "resources.limits.memory is None"),
    (drop(container, "resources", "requests", "cpu"), "resources.requests.cpu is None"),
    (put(container, "aegis-greeter:latest", "image"), "has no version"),
    (put(container, "aegis-greeter", "image"), "has no version"),
    (put(server, "nats:2.9.10-alpine", "image"), "which the tests run on"),
    (drop(container, "readinessProbe"), "readinessProbe.httpGet.port is None"),
    (drop(server, "livenessProbe"), "livenessProbe.httpGet.port is None"),
    (put(server, "metrics", "startupProbe", "httpGet", "port"), "startupProbe.httpGet.port is metrics"),
    (drop(container, "lifecycle"), "lifecycle.preStop is None"),
    (put(server, ["nats-server", "-sl=ldm=/nats.pid"], "lifecycle", "preStop", "exec", "command"),
     "before the lame duck phase has begun"),
    (put(pod, 35, "terminationGracePeriodSeconds"), "is killed after 35 s"),
    (put(lambda objects: rules.pod(set_of_servers(objects)), 30, "terminationGracePeriodSeconds"), "lame duck"),
    (put(container, 5, "startupProbe", "failureThreshold"), "when a start takes 10 s"),
    (without("PodDisruptionBudget"), "has no PodDisruptionBudget"),
    (drop(pod, "topologySpreadConstraints"), "is not spread"),
    (drop(lambda objects: rules.pod(set_of_servers(objects)), "affinity"), "two servers may come to one node"),
    (drop(lambda objects: rules.pod(set_of_servers(objects)), "volumes"), "the volume config is only mounted"),
    (variable("AEGIS_NATS_URI", "nats://x:1"), "AEGIS_NATS_URI is no setting"),
    (lambda objects: container(objects)["env"].append({"name": "AEGIS_LOG"}), "AEGIS_LOG is said twice"),
    (variable("AEGIS_NATS_PASSWORD", "secret"), "AEGIS_NATS_PASSWORD is written in the manifest"),
    (lambda objects: objects.append({"kind": "Secret", "metadata": {"name": "x"}}), "secrets are made by hand"),
    (put(workload, {"app": "other"}, "spec", "selector", "matchLabels"), "does not select its own pods"),
    (put(policy_of_servers, {"app": "other"}, "spec", "podSelector", "matchLabels"), "selects nothing"),
    (without("ServiceAccount"), "its service account is not there"),
    (lambda objects: put(lambda found: rules.of(found, "Service")[0]["spec"]["ports"][0], 4223, "port")(objects),
     "port 4223 is not that of the pod"),
    (lambda objects: policy_of_servers(objects)["spec"]["ingress"].pop(), "lets in [4222, 6222]"),
    (variable("AEGIS_HTTP_ADDRESS", "0.0.0.0:9090"), "0.0.0.0:9090, ports"),
    (said("http_port: 8222", "http_port: 8223"), "nats.conf has the ports"),
    (said("nats-2.aegis", "nats-3.aegis"), "does not have the routes"),
    (said("max_file_store: 16GiB", "max_file_store: 20GiB"), "of a volume of 20Gi"),
    (without("Service"), "the service aegis-trader-nats-headless is not there"),
    (variable("AEGIS_NATS_URL", "nats://nats.aegis-trader.svc.cluster.local:4222"), "no service is at"),
    (drop(workload, "spec", "template", "metadata", "labels", "aegis-trader-nats-client"), "does not let it in"),
]


def unnoticed(objects, schema_mistakes):
    """Mistakes in these objects that no rule and no schema complains about."""
    changed = copy.deepcopy(objects)
    workload(changed)["spec"]["replica"] = 2
    if not list(schema_mistakes("", changed)):
        yield "the schemas do not notice `spec.replica`"
    every = [*rules.RULES, rules.services_find_nats]
    for mistake, expected in MISTAKES:
        changed = copy.deepcopy(objects)
        mistake(changed)
        found = rules.complaints(changed, every)
        if not any(expected in complaint for complaint in found):
            yield f"no rule notices \"{expected}\"; noticed is {found}"
