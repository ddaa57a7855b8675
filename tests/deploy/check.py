"""Checks docs/deploy: run by .ci/deploy. Prints what was done, and every complaint; exit code 1 if there is one."""

import sys

import kubernetes_validate
import yaml

import files
import images
import mutants
import rules

# preStop.sleep is on by default from the first; the last is the newest that the schemas know.
KUBERNETES = ["1.30", "1.37"]
CHARTS = {"aegis-nats": "nats", "aegis-service": "service"}
# What Helm adds, and what only it can: the plain manifests have none of it.
OF_HELM = {"app.kubernetes.io/managed-by", "helm.sh/chart", "checksum/config"}

# Values that reach every branch of the charts, and must render to something that holds.
VARIANTS = {
    "aegis-nats": [
        {"replicas": 1, "auth": {"enabled": False}},
        {"replicas": 5, "tls": {"secret": "nats-tls"}, "jetstream": {"storageClass": "fast", "syncInterval": "2m"}},
        {"name": "nats-b", "image": {"digest": "sha256:" + "0" * 64}, "networkPolicy": {"enabled": False}},
        {"extraConfig": "max_payload: 2MB\n", "priorityClassName": "high", "nodeSelector": {"disk": "ssd"},
         "tolerations": [{"key": "nats", "operator": "Exists"}]},
    ],
    "aegis-service": [
        {"name": "billing", "image": {"repository": "registry.example.com/billing", "tag": "1.2.3"}},
        {"nats": {"secret": "", "caSecret": "nats-ca"}, "writable": ["/scratch", "/var/cache"]},
        {"settings": {"AEGIS_LEADER_FAILOVER": "ride-through", "AEGIS_REGISTRY_ENABLED": True},
         "env": [{"name": "BANK", "valueFrom": {"secretKeyRef": {"name": "bank", "key": "url"}}}]},
        {"drainSeconds": 600, "preStopSeconds": 1, "http": {"port": 9000}, "networkPolicy": {"enabled": False}},
        {"networkPolicy": {"egress": [{"ports": [{"port": 5432}]}]}, "podAnnotations": {"team": "desk"},
         "priorityClassName": "high", "nodeSelector": {"disk": "ssd"}, "tolerations": [{"operator": "Exists"}]},
    ],
}
# Values that the charts refuse: a slip of the pen would change nothing, or break at night.
REFUSED = {
    "aegis-nats": [
        {"replicas": 2}, {"replica": 3}, {"jetstream": {"syncInterval": "often"}}, {"auth": {"secret": ""}},
        {"jetstream": {"maxFileStore": "16G"}}, {"name": "With.Dots"}, {"image": {"digest": "abc"}},
    ],
    "aegis-service": [
        {"name": "with.dots"}, {"nats": {"url": "nats://user:secret@host:4222"}}, {"settings": {"NATS": "x"}},
        {"drainSeconds": "30s"}, {"http": {"port": 80}}, {"writable": ["tmp"]}, {"log": {"format": "xml"}},
    ],
}


def schema_mistakes(where, objects):
    for found in objects:
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(found, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                path = ".".join(str(part) for part in error.path)
                yield f"{where}, {rules.name(found)}, Kubernetes {version}: {path}: {error.message}"


def kustomizations():
    """A manifest that no kustomization names is never applied."""
    for path in sorted((files.DEPLOY / "kubernetes").glob("**/kustomization.yaml")):
        named = set(yaml.safe_load(path.read_text())["resources"])
        folder = path.parent
        there = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
        there |= {file.name for file in folder.iterdir() if (file / "kustomization.yaml").exists()}
        for odd in sorted(named ^ there):
            yield f"{path.relative_to(files.ROOT)}: {odd} is only named, or only there"


def plain(objects):
    root, nats, service = (objects[folder] for folder in (".", "nats", "service"))
    yield from kustomizations()
    for folder, found in objects.items():
        yield from schema_mistakes(folder, found)
    for found in nats + service:
        if found["metadata"].get("namespace") != files.NAMESPACE:
            yield f"{rules.name(found)}: is not in the namespace {files.NAMESPACE}"
    space = root[0]["metadata"]
    if space["name"] != files.NAMESPACE or space["labels"]["pod-security.kubernetes.io/enforce"] != "restricted":
        yield "the namespace does not enforce the pod security standard `restricted`"
    yield from rules.complaints(nats)
    yield from rules.complaints(service)
    yield from rules.complaints(nats + service, [rules.services_find_nats])
    yield from mutants.unnoticed(nats + service, schema_mistakes)


def without_helm(tree):
    """An object without what only Helm adds."""
    if isinstance(tree, dict):
        kept = {key: without_helm(value) for key, value in tree.items() if key not in OF_HELM}
        return {key: value for key, value in kept.items() if value not in ({}, None)}
    if isinstance(tree, list):
        return [without_helm(entry) for entry in tree]
    return tree


def differences(where, one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(f"{where}.{key}", one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other)):
            yield from differences(f"{where}.{number}", left, right)
    elif one != other:
        yield f"{where}: {one!r} in the chart, {other!r} in the manifest"


def same(chart, rendered, manifests):
    """The defaults of a chart are the plain manifests."""
    keyed = [{rules.name(found): without_helm(found) for found in objects} for objects in (rendered, manifests)]
    yield from differences(chart, *keyed)


def rendered(helm, chart, manifests):
    yield from (f"{chart}: {said}" for said in helm.lint(chart))
    yield from same(chart, helm.render(chart, {}), manifests)
    version = yaml.safe_load((files.chart(chart) / "Chart.yaml").read_text())
    if version.get("appVersion", files.tested_nats()) != files.tested_nats():
        yield f"{chart}: appVersion is not {files.tested_nats()}, which the tests run on"
    for values in VARIANTS[chart]:
        where = f"{chart} with {values}"
        try:
            objects = helm.render(chart, values)
        except files.Refused as error:
            yield f"{where}: is refused: {error}"
            continue
        yield from schema_mistakes(where, objects)
        yield from (f"{where}: {said}" for said in rules.complaints(objects))
    for values in REFUSED[chart]:
        try:
            helm.render(chart, values)
        except files.Refused:
            continue
        yield f"{chart} with {values}: is not refused"


def main():
    objects = {folder: files.plain(folder) for folder in (".", "nats", "service")}
    found = [*plain(objects), *images.complaints()]
    count = sum(map(len, objects.values()))
    print(f"{count} manifests against the schemas of Kubernetes {' and '.join(KUBERNETES)}, {len(rules.RULES) + 1} "
          f"rules, {len(mutants.MISTAKES)} mistakes that they notice; the Dockerfile and the compose file")
    helm = files.helm()
    if helm:
        for chart, folder in CHARTS.items():
            found += rendered(helm, chart, objects[folder])
            print(f"{chart}: rendered by {helm.shown}, with {1 + len(VARIANTS[chart])} sets of values, "
                  f"{len(REFUSED[chart])} refused")
    else:
        print("NOT RENDERED: the charts in docs/deploy/helm were not checked. There is no program `helm`, and the "
              "package of tests/deploy/helm.txt could not be installed")
    for name in sorted(rules.AWAITED - files.settings()):
        print(f"note: {name} is used by the manifests and not in docs/configuration.md yet")
    for name in sorted(images.AWAITED_FEATURES - images.features()):
        print(f"note: images cannot be built yet: `aegis` has no feature `{name}`")
    for said in found:
        print(f"WRONG: {said}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
