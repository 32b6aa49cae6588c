"""The jobs of docs/ci.md run: script lines by bash, in a fresh copy, as the service sets it up."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import beta, betabinom, binom

from collapse_bench.data import load_reference
from collapse_bench.gates import plan
from collapse_bench.harness.options import OPTIONS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)

# pytest's own options that the jobs use, and those of pytest-xdist.
OTHERS = {"--pyargs", "--junitxml", "--dist", "-n", "-r"}

MODEL = """
class Model:
    def sample(self, size, *, rng):
        return {scale} * rng.normal(size=(size, 1))

model = Model()
"""
# Effect sizes that a few hundred draws can decide.
SETTINGS = "[pytest]\ncollapse_reference = real.csv\n" + "".join(
    f"collapse_{side} =\n"
    + "".join(f"    {name}={size}\n" for name in ("tail_mass", "variance", "wasserstein"))
    for side, size in (("tolerate", 0.2), ("detect", 0.9))
)
# In the place of pip: what the job installs must be what the repository says.
PIP = """\
[ "$1" = install ] && [ "$2" = -r ] && grep -q '^collapse-bench' "$3"
"""


@dataclass
class Job:
    """A job's scripts: each with whether it runs after a failure, too."""

    title: str
    service: dict[str, str]
    scripts: list[tuple[str, bool]] = field(default_factory=list)


def jobs():
    """Return every job of the page."""
    found = []
    for block in BLOCKS:
        document = yaml.safe_load(block)
        if "jobs" in document:
            service = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
            for job in document["jobs"].values():
                scripts = [
                    (step["run"], step.get("if") == "always()")
                    for step in job["steps"]
                    if "run" in step
                ]
                found.append(Job(document["name"], service, scripts))
        else:
            for name, job in document.items():
                lines = [*job.get("before_script", ()), *job["script"]]
                service = {"GITLAB_CI": "true", "CI_PROJECT_DIR": "."}
                found.append(Job(f"GitLab: {name}", service, [("\n".join(lines), False)]))
    return found


JOBS = {job.title: job for job in jobs()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Copy the package as a wheel lays it out; return its folder and one of commands."""
    top = tmp_path_factory.mktemp("installed")
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "collapse_bench", top / "site" / "collapse_bench", ignore=leave)
    for name in ("suites", "fixtures"):
        shutil.copytree(ROOT / name, top / "site" / "collapse_bench" / name, ignore=leave)
    python = shlex.quote(sys.executable)
    commands = {
        "pip": PIP,
        "pytest": f'exec {python} -m pytest -p no:cacheprovider "$@"\n',
        "collapse-bench": f'exec {python} -m collapse_bench.cli "$@"\n',
    }
    (top / "bin").mkdir()
    for name, script in commands.items():
        (top / "bin" / name).write_text(f"#!/bin/bash\n{script}", encoding="utf-8")
        (top / "bin" / name).chmod(0o755)
    return top


@pytest.fixture
def run(installed, tmp_path):
    """Run a job in a repository of its own; return the code of each script and all output."""
    rows = np.random.default_rng(20261123).normal(size=2_000)
    (tmp_path / "real.csv").write_text("x\n" + "\n".join(map(repr, rows.tolist())) + "\n")
    (tmp_path / "requirements.txt").write_text("collapse-bench\n")
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "previous.py").write_text(MODEL.format(scale=1.0))

    def runner(job, scale=1.0):
        (tmp_path / "my_model.py").write_text(MODEL.format(scale=scale))
        environment = {
            "PATH": f"{installed / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(installed / "site"),
            "PYTEST_PLUGINS": "collapse_bench.plugin",  # a pip install registers it
            "HOME": str(tmp_path),
            "OMP_NUM_THREADS": "1",
            "CI": "true",
            **job.service,
        }
        codes, said, failed = [], "", False
        for script, always in job.scripts:
            if failed and not always:
                continue
            result = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            codes.append(result.returncode)
            failed |= result.returncode != 0
            said += result.stdout + result.stderr
        return codes, said

    return runner


def test_every_block_is_a_job_and_every_job_is_named_once():
    assert len(JOBS) == len(jobs()) == len(BLOCKS) >= 6
    assert any(title.startswith("GitLab") for title in JOBS)


@pytest.mark.parametrize("title", JOBS)
def test_scripts_are_bash_and_their_options_exist(title):
    known = {option.flag for option in OPTIONS} | OTHERS
    for script, _ in JOBS[title].scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        used = {word.partition("=")[0] for word in shlex.split(script) if word.startswith("-")}

        assert used <= known


def test_names_on_the_page_exist():
    flags = set(re.findall(r"--collapse-[a-z-]+", TEXT))
    keys = set(re.findall(r"^collapse_[a-z_]+", TEXT, flags=re.MULTILINE))

    assert flags <= {option.flag for option in OPTIONS}
    assert keys <= {option.key for option in OPTIONS}


def test_the_first_job_judges_a_release(run, tmp_path):
    codes, said = run(JOBS["release gate"])

    assert codes == [0, 0], said
    assert "3 checks, 3 pass" in (tmp_path / "summary.md").read_text() + said
    assert {"gate.json", "gate.html", "gate.xml"} <= {path.name for path in tmp_path.iterdir()}


# What each other job comes to, script by script, and the scale of its candidate's draws: some
# lost most of their tails.
ENDS = {
    "GitLab: gate": ([0], 1.0),
    "release gate, report only": ([0, 0], 0.2),
    "candidate and previous release": ([0, 0, 1, 1], 0.2),
    "nightly gate": ([0, 0], 1.0),
    "gate on two cores": ([0, 1], 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize("title", [title for title in JOBS if title != "release gate"])
def test_a_job_runs_as_it_stands(run, title, tmp_path):
    if "cores" in title:
        pytest.importorskip("xdist")
    due, scale = ENDS[title]
    codes, said = run(JOBS[title], scale)

    assert codes == due, said
    assert ("3 checks, 3 pass" if scale == 1 else "3 checks, 0 pass, 3 fail") in said
    assert ("report only: nothing was judged" in said) is ("previous" in title or "only" in title)
    if "GITHUB_STEP_SUMMARY" in JOBS[title].service:
        assert (tmp_path / "summary.md").read_text().startswith("# Model collapse report")


def test_what_pip_is_replaced_by_finds_a_missing_name(run, tmp_path):
    (tmp_path / "requirements.txt").write_text("numpy\n")
    codes, _ = run(JOBS["release gate"])

    assert codes == [1]


@pytest.mark.slow
def test_the_plan_is_the_one_that_is_printed(run, tmp_path):
    (tmp_path / "pytest.ini").unlink()
    shown = re.search(r"```console\n\$ (.*?--collapse-plan)\n(.*?)```", TEXT, flags=re.DOTALL)
    (code,), said = run(Job("plan", {}, [(shown.group(1), False)]))
    timeless = [line for line in shown.group(2).splitlines() if "drawing took" not in line]

    assert code == 0
    assert all(line in said.splitlines() for line in timeless)


# The numbers of the page, each from its definition.


def test_false_alarms_of_a_year():
    assert 250 * 0.01 == 2.5
    assert f"only {0.99**250:.0%}".replace("%", " %") in " ".join(TEXT.split())
    assert 250 * 0.001 == 1 / 4


def test_what_a_smaller_alpha_costs():
    reference = load_reference("two-gaussians")
    usual, strict = (plan(reference, alpha=alpha).size for alpha in (0.01, 0.001))

    assert f"{strict:,} draws instead of {usual:,} ({strict / usual - 1:.1%}".replace(
        "%", " %"
    ) in " ".join(TEXT.split())


def test_what_reruns_do():
    """P(fail) of all attempts, averaged over the reference's own tail mass, by quadrature."""
    n, m, k = 2_000, 20_000, 1_000
    mass = beta.ppf((np.arange(4_000) + 0.5) / 4_000, k, m - k + 1)

    def fails(loss, attempts, size=n):
        counts = betabinom(size, k, m - k + 1).cdf(np.arange(size))
        largest = np.searchsorted(counts, 0.05, side="right") - 1
        return float((binom.cdf(largest, size, (1 - loss) * mass) ** attempts).mean())

    for words, loss in (("lost a quarter of its tail", 0.25), ("lost nothing", 0.0)):
        cells = " | ".join(f"{100 * fails(loss, attempts):.1f} %" for attempts in (1, 3, 6))
        assert f"| {words} | {cells} |" in TEXT
    misses = [round(100 * (1 - fails(0.25, attempts))) for attempts in (1, 3, 6)]
    assert misses == [20, 47, 70]
    assert round(100 * (1 - fails(0.25, 1, 3 * n)), 1) == 0.5
