"""What attempts ask of workers, and what is said when nobody offers it."""

from __future__ import annotations

import pytest

from daskloop.executors.offers import check_inline, lacking
from daskloop.executors.session import NO_DEMAND, Demand

WORKERS = {
    "tcp://10.0.0.5:4040": {"name": "alice", "host": "10.0.0.5", "resources": {"GPU": 2}},
    "tcp://10.0.0.6:4041": {"name": 1, "host": "10.0.0.6", "resources": {}},
}
GPU = (("GPU", 1.0),)


@pytest.mark.parametrize(
    "demand",
    [
        NO_DEMAND,
        Demand(GPU),
        Demand((("GPU", 2.0),)),
        Demand(workers=("alice",)),
        Demand(workers=("nobody", "tcp://10.0.0.6:4041")),
        Demand(workers=("10.0.0.6:4041",)),
        Demand(workers=("10.0.0.6",)),
        Demand(workers=(1,)),
        Demand(workers=("nobody",), allow_other_workers=True),
        Demand(GPU, workers=("10.0.0.5",)),
    ],
)
def test_w07_what_some_worker_offers_is_not_lacking(demand):
    assert lacking(demand, WORKERS) is None


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        (Demand((("GPU", 3.0),)), "no worker offers GPU=3; there is: 'alice' (GPU=2), 1 (no res"),
        (Demand((("GPU", 1.0), ("MEM", 0.5))), "no worker offers GPU=1 MEM=0.5;"),
        (Demand(workers=("bob", 2)), "no worker is called 'bob', 2;"),
        (Demand(workers=("1",)), "no worker is called '1'; there is: 'alice' (GPU=2), 1 (no"),
        (Demand(workers=(True,)), "no worker is called True"),
        (Demand(GPU, workers=(1,)), "no worker of those named offers GPU=1; there is: 1 (no res"),
    ],
)
def test_w07_what_is_lacking_is_said_beside_what_there_is(demand, said):
    assert said in str(lacking(demand, WORKERS))


def test_w07_no_worker_at_all_and_a_great_many_are_said_in_few_words():
    assert str(lacking(Demand(GPU), {})).endswith("there is: no worker")
    many = {f"tcp://10.0.0.5:{port}": {"name": port} for port in range(100)}
    assert str(lacking(Demand(GPU), many)).endswith("4 (no resources), and 95 more")


def test_w07_a_preference_is_no_reason_to_refuse_a_run_without_workers():
    check_inline({"a": NO_DEMAND, "b": Demand(workers=("alice",), allow_other_workers=True)})
    with pytest.raises(ValueError, match=r"Task 'c' asks for workers=\['alice'\]"):
        check_inline({"c": Demand(workers=("alice",))})
