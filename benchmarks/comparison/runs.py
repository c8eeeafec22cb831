"""Runs the probes with each package, in databases of their own, and collects what they found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.comparison.packages import PACKAGES, Package
from example_project.embedded_postgres import Server

ROOT = Path(__file__).resolve().parent.parent.parent

Say = Callable[[str], None]


def run(server: Server, say: Say, packages: Iterable[Package] = PACKAGES) -> dict[str, Any]:
    """Return for each package the answers of its probes, and the facts of its metadata."""
    found = {}
    for package in packages:
        say(f"comparison: {package.distribution}")
        found[package.name] = _package(server, package)
    return found


def _package(server: Server, package: Package) -> dict[str, Any]:
    name = f"compared_{package.name}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
        with tempfile.TemporaryDirectory() as folder:
            url = server.url(name)
            first = _worker(package, "first", url, folder)
            first["answers"]["dropped_field"] = _worker(
                package, "dropped", url, folder, COMPARED_ORDER=str(first.pop("order"))
            )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/database"
        first["answers"]["sqlite"] = _worker(package, "sqlite", url, folder)
    return first


def _worker(package: Package, stage: str, url: str, folder: str, **more: str) -> Any:
    """Return what a stage of a package found.

    Raises:
        RuntimeError: when it fails in a way that is no answer.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.comparison.worker", stage],
        cwd=ROOT,
        env={
            **os.environ,
            "COMPARED_PACKAGE": package.name,
            "COMPARED_STAGE": stage,
            "COMPARED_MIGRATIONS": folder,
            "BENCHMARK_DATABASE_URL": url,
            **more,
        },
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"The probes of {package.distribution} failed at the stage {stage}.")
    return json.loads(done.stdout)
