"""Run on a Dask cluster of your own: give its client, the cluster, or its address."""

from distributed import Client, LocalCluster

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP


@task
def collatz(number):
    steps = daskloop.context.get("task_loop_count", 1) - 1
    now = daskloop.context.get("task_loop_result", number)
    if now == 1:
        return steps
    raise LOOP(result=now // 2 if now % 2 == 0 else 3 * now + 1)


with Flow("collatz") as flow:
    steps = collatz.map(Parameter("numbers"))


def main():
    # Yours may be anything that Dask runs on: SLURMCluster, KubeCluster, coiled.Cluster ...
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "protocol": "tcp"}
    with LocalCluster(processes=False, **options) as cluster, Client(cluster) as client:
        for executor in (client, cluster, cluster.scheduler_address):
            state = flow.run(numbers=[6, 7, 9], executor=executor)
            print(f"on a {type(executor).__name__}:", state.result[steps].result)
        print("and it is left", client.status)
    return state


if __name__ == "__main__":
    main()
