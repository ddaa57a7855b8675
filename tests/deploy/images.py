"""The Dockerfile and the compose file: that they name what there is, and run as nobody special."""

import re

import yaml

from files import DEPLOY, ROOT, settings, tested_nats
from rules import AWAITED

# A feature that another change brings; the Dockerfile uses it already.
AWAITED_FEATURES = set()


def binaries():
    """Every program of the workspace, as (package, program)."""
    found = set()
    for path in ROOT.glob("**/Cargo.toml"):
        if "target" in path.parts:
            continue
        text = path.read_text()
        package = re.search(r'^\[package\]\nname = "([^"]+)"', text)
        if package:
            found |= {(package[1], name) for name in re.findall(r'\[\[bin\]\]\nname = "([^"]+)"', text)}
            if (path.parent / "src/main.rs").exists() and "[[bin]]" not in text:
                found.add((package[1], package[1]))
            found |= {(package[1], file.stem) for file in (path.parent / "src/bin").glob("*.rs")}
    return found


def features():
    """Those of `aegis`."""
    manifest = (ROOT / "aegis/Cargo.toml").read_text()
    table = re.search(r"^\[features\]\n(.*?)^\[", manifest, re.M | re.S)[1]
    return set(re.findall(r"^([\w-]+) =", table, re.M))


def dockerfile():
    text = (DEPLOY / "docker/Dockerfile").read_text()
    for feature in re.search(r"^ARG FEATURES=(\S+)", text, re.M)[1].split(","):
        if feature.removeprefix("aegis/") not in features() | AWAITED_FEATURES:
            yield f"Dockerfile: {feature} is no feature"
    rust = re.search(r"rust-toolchain@([0-9.]+)", (ROOT / ".github/workflows/ci.yml").read_text())[1]
    minor = rust.rsplit(".", 1)[0]
    for wanted, why in [
        (f"FROM rust:{minor}-", f"it builds with Rust {minor}, as the gates do"),
        ("--locked", "it builds what Cargo.lock says"),
        ('${PACKAGE:+--package "$PACKAGE"}', "an empty PACKAGE leaves the choice to cargo"),
        ("USER 65532:65532", "it runs as nobody special, with the user of the manifests"),
        ('ENTRYPOINT ["/', "the program gets the signals itself, without a shell"),
    ]:
        if wanted not in text:
            yield f"Dockerfile: {why}: there is no `{wanted}`"
    if re.search(r"^HEALTHCHECK", text, re.M):
        yield "Dockerfile: the image has nothing that could run a HEALTHCHECK"
    if re.search(r"^FROM \S+(:latest|(?<!:)\bscratch:)", text, re.M):
        yield "Dockerfile: an image has no version"


def compose():
    found = yaml.safe_load((DEPLOY / "docker/docker-compose.yaml").read_text())
    known, there = settings() | AWAITED, binaries()
    services = found["services"]
    for name, service in services.items():
        arguments = service.get("build", {}).get("args")
        if arguments and (arguments["PACKAGE"], arguments["BIN"]) not in there:
            yield f"compose, {name}: there is no program {arguments}"
        if service.get("build", {}).get("dockerfile", "docs/deploy/docker/Dockerfile") != "docs/deploy/docker/Dockerfile":
            yield f"compose, {name}: is built by another Dockerfile"
        for variable in service.get("environment", {}):
            if variable.startswith("AEGIS_") and variable not in known:
                yield f"compose, {name}: {variable} is no setting"
        for wanted, value in [("read_only", True), ("cap_drop", ["ALL"])]:
            if service.get(wanted) != value:
                yield f"compose, {name}: {wanted} is not {value}"
        for other in service.get("depends_on", {}):
            if other not in services:
                yield f"compose, {name}: waits for {other}, which is not there"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source[0] not in "./" and source not in found.get("volumes", {}):
                yield f"compose, {name}: the volume {source} is not there"
        for port in service.get("ports", []):
            if not port.startswith("127.0.0.1:"):
                yield f"compose, {name}: {port} is open to other computers"
    if services["nats"]["image"] != f"nats:{tested_nats()}-alpine":
        yield f"compose: {services['nats']['image']} is not {tested_nats()}, which the tests run on"


def complaints():
    return [*dockerfile(), *compose()]
