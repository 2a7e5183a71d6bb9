"""A payload of a class that the script defines, in a run that another process goes on with."""

from __future__ import annotations

import subprocess
import sys
import types

import cloudpickle
import pytest

from daskloop.record import own_classes

pytestmark = pytest.mark.may_leave("files")  # of a process that ends at once

SCRIPT = """
import enum, os, sys
from dataclasses import dataclass, field
from daskloop import Flow, again, task

class Phase(enum.Enum):
    GET = 1
    WORK = 2
    DONE = 3

class Base:
    pass

@dataclass
class Job(Base):
    phase: Phase = Phase.GET
    steps: list = field(default_factory=list)

    def told(self):
        return {word!r}, self.steps

@task
def machine(name, job=None):
    job = job or Job()
    same = isinstance(job, Job) and isinstance(job, Base) and type(job.phase) is Phase
    job.steps.append((job.phase.name, same))
    if job.phase is Phase.GET:
        job.phase = Phase.WORK
    elif job.phase == Phase.WORK:
        if "die" in sys.argv:
            os._exit(9)
        job.phase = Phase.DONE
    else:
        return job
    return again(job=job)

@task(nout=2)
def begin():
    return Job(), Phase.GET

@task
def is_own(job, phase, end):
    return isinstance(job, Job) and phase is job.phase is Phase.GET and end.phase is Phase.DONE

with Flow("machines") as flow:
    begun, phase = begin()
    ended = machine("m", begun)
    owned = is_own(begun, phase, ended)

if __name__ == "__main__":
    state = flow.run(journal="runs", resume=True, executor=sys.argv[1], allow_code_change=True)
    job = state.result[ended].result
    print(isinstance(job, Job), job.phase is Phase.DONE, *job.told(), state.result[owned].result)
"""


def run(folder, executor, *words, word="as ever"):
    """Run the script in a process of its own."""
    (folder / "script.py").write_text(SCRIPT.format(word=word))
    command = [sys.executable, "script.py", executor, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("executor", ["threads", "inline", "processes"])
def test_i08_row10_a_resumed_payload_is_of_the_classes_of_the_script(executor, tmp_path):
    assert run(tmp_path, "threads", "die").returncode == 9  # the driver dies with its task
    resumed = run(tmp_path, executor)
    assert resumed.stdout == (
        "True True as ever [('GET', True), ('WORK', True), ('DONE', True)] True\n"
    ), resumed.stderr


def test_i08_row10_the_class_of_the_script_stays_as_it_is_now(tmp_path):
    assert run(tmp_path, "inline", "die").returncode == 9
    resumed = run(tmp_path, "inline", word="changed")
    assert resumed.stdout.startswith("True True changed [('GET', True)"), resumed.stderr


@pytest.mark.parametrize("name", ["_make_skeleton_class", "_make_skeleton_enum", "_class_setstate"])
def test_i08_what_cloudpickle_makes_classes_with_is_there(name):
    """Without them payloads of a resumed run are of classes that only look like the script's."""
    assert callable(getattr(cloudpickle.cloudpickle, name))


def test_i08_a_cloudpickle_that_gives_other_arguments_makes_its_own_classes(monkeypatch):
    kind = type("Own", (), {"__module__": "__main__"})
    data = cloudpickle.dumps(kind())
    monkeypatch.setattr(own_classes, "_made_here", lambda: None)  # in it, nothing can be looked up
    assert type(own_classes.loads(data)).__name__ == "Own"


CLASSES_INSIDE = """
import enum

class Job:
    class Phase(enum.Enum):
        GET = 1

    class Step:
        pass

    class Config:
        pass

class Config:
    pass

class Told:
    pass

def told():
    class Told:
        def tell(self):
            pass
    return Told()
"""


def of_a_script():
    """Define the classes anew, as another process does."""
    module = types.ModuleType("a_script")
    exec(CLASSES_INSIDE, module.__dict__)
    return module


def test_i08_of_classes_in_classes_and_functions_none_is_taken_for_another_of_its_name(monkeypatch):
    before, now = of_a_script(), of_a_script()
    values = [before.Job.Phase.GET, before.Job.Step(), before.Job.Config(), before.Config()]
    values.append(before.told())
    data = cloudpickle.dumps(values)
    monkeypatch.setitem(sys.modules, "a_script", now)
    monkeypatch.setattr(own_classes, "_made_here", lambda: ())
    phase, *others = own_classes.loads(data)
    assert phase is now.Job.Phase.GET
    kinds = [now.Job.Step, before.Job.Config, before.Config, type(values[-1])]
    assert [type(one) for one in others] == kinds
