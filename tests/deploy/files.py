"""What is checked: manifests as they are, charts as they render, and the pages that they depend on."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs/deploy"
NAMESPACE = "aegis-trader"


def documents(text):
    """The objects of a YAML text."""
    return [found for found in yaml.safe_load_all(text) if found]


def plain(folder):
    """The plain manifests of a folder; not those below it."""
    found = []
    for path in sorted((DEPLOY / "kubernetes" / folder).glob("*.yaml")):
        if path.name != "kustomization.yaml":
            found += documents(path.read_text())
    return found


def settings():
    """The variables that programs read: those of docs/configuration.md."""
    page = (ROOT / "docs/configuration.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(AEGIS_[A-Z0-9_]+)`", row)}


def tested_nats():
    """The version of NATS that the tests run on."""
    source = (ROOT / "aegis/src/testing/binary.rs").read_text()
    return re.search(r'const DEFAULT: &str = "([0-9.]+)";', source)[1]


def chart(name):
    """The folder of a chart."""
    return DEPLOY / "helm" / name


class Refused(Exception):
    """Helm does not render a chart with these values."""


class Program:
    """The program `helm`."""

    def __init__(self):
        version = subprocess.run(["helm", "version", "--short"], capture_output=True, text=True, check=True)
        self.shown = f"helm {version.stdout.strip()}"

    @staticmethod
    def _run(command, values):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values, file)
            file.flush()
            return subprocess.run([*command, "--values", file.name], capture_output=True, text=True, check=False)

    def lint(self, name):
        done = self._run(["helm", "lint", "--strict", str(chart(name))], {})
        return [done.stdout + done.stderr] if done.returncode else []

    def render(self, name, values):
        command = ["helm", "template", "it", str(chart(name)), "--namespace", NAMESPACE]
        done = self._run([*command, "--kube-version", "1.37.0"], values)
        if done.returncode:
            raise Refused(done.stderr)
        return documents(done.stdout)


class Library:
    """Helm as a library of Python, for computers without the program."""

    def __init__(self):
        import helm_python

        self.helm = helm_python
        self.shown = "the Python package helm-python-sdk"

    def lint(self, name):
        report = self.helm.lint(chart(name), strict=True)
        wrong = [found["error"] for found in report["messages"] if found["severity"] >= 2]
        return wrong + report["errors"]

    def render(self, name, values):
        try:
            with self.helm.Chart.load(chart(name)) as loaded:
                loaded.validate_schema(values)
                rendered = loaded.render(values, name="it", namespace=NAMESPACE)
        except self.helm.HelmError as error:
            raise Refused(str(error)) from error
        manifests = {path: text for path, text in rendered.items() if path.endswith(".yaml")}
        return [found for path in sorted(manifests) for found in documents(manifests[path])]


def helm():
    """What renders charts here, or None."""
    if shutil.which("helm"):
        return Program()
    try:
        return Library()
    except ImportError:
        return None
