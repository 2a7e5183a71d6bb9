"""Iterate until it stops improving: the largest eigenvalue of several matrices by power iteration.

The payloads are NumPy arrays, and stay on the cluster.
"""

import numpy as np

import daskloop
from daskloop import Flow, Parameter, task, unmapped
from daskloop.engine.signals import LOOP


@task
def matrix(seed, size):
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return noise @ noise.T / size


@task(max_loops=10_000)
def largest_eigenvalue(matrix, tolerance):
    start = {"vector": np.ones(len(matrix)), "value": 0.0}
    last = daskloop.context.get("task_loop_result", start)

    vector = last["vector"]
    for _ in range(25):  # a future for each product would be a waste: 25 make an iteration
        vector = matrix @ vector
        vector /= np.linalg.norm(vector)
    value = float(vector @ matrix @ vector)

    if abs(value - last["value"]) <= tolerance * value:
        return value
    raise LOOP(message=f"about {value:.6f}", result={"vector": vector, "value": value})


with Flow("converge") as flow:
    matrices = matrix.map(Parameter("seeds"), unmapped(Parameter("size", default=200)))
    values = largest_eigenvalue.map(matrices, unmapped(Parameter("tolerance", default=1e-12)))


def main():
    state = flow.run(seeds=[1, 2, 3])
    children = zip(state.result[matrices].result, state.result[values].map_states, strict=True)
    for made, child in children:
        error = abs(child.result - np.linalg.eigvalsh(made)[-1])
        print(f"{child.result:.6f} after {child.loop_count} iterations, error below 1e-6:", end=" ")
        print("yes" if error < 1e-6 else f"no, {error}")
    return state


if __name__ == "__main__":
    main()
