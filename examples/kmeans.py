"""K-means on a Dask array: the points stay on the cluster, from iteration to iteration.

The array is a field of the payload. It is made once, handed on by name, and moves nowhere; each
start is a loop of its own, which ends when its distortion gets no better. The best of them wins.
"""

import dask.array as da
import numpy as np

from daskloop import Flow, Parameter, again, task

TRUE = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0]])


def blobs(count=4_000, chunks=2):
    """Make points around four centres, in chunks."""
    draw = da.random.RandomState(7)
    noise = draw.normal(size=(count, 2), chunks=(count // chunks, 2))
    return noise + da.from_array(np.resize(TRUE, (count, 2)), chunks=(count // chunks, 2))


@task(max_loops=100)
def kmeans(start, points=None, centres=None, before=np.inf):
    if centres is None:
        points = blobs()
        rows = np.random.RandomState(start).choice(points.shape[0], 4, replace=False)
        centres = points[np.sort(rows)].compute()
    distances = ((points[:, None, :] - centres[None]) ** 2).sum(axis=2)
    nearest, distortion = distances.argmin(axis=1), distances.min(axis=1).mean()
    sums = [da.where((nearest == k)[:, None], points, 0).sum(axis=0) for k in range(len(centres))]
    counts = [(nearest == k).sum() for k in range(len(centres))]
    found, sums, counts = da.compute(distortion, sums, counts)
    moved = np.array([s / c if c else old for s, c, old in zip(sums, counts, centres, strict=True)])
    if before - found < 1e-4:
        return {"centres": centres, "distortion": float(found)}
    return again(points=points, centres=moved, before=float(found), metric=float(found))


@task
def best(results):
    return min(results, key=lambda one: one["distortion"])


with Flow("k-means") as flow:
    loops = kmeans.map(Parameter("starts"))
    winner = best(loops)


def main(executor="threads"):
    state = flow.run(starts=[0, 1, 2], executor=executor)
    for number, loop in enumerate(state.result[loops].map_states):
        distortion = loop.result["distortion"]
        print(f"start {number}: {loop.loop_count} iterations, distortion {distortion:.3f}")
    found = state.result[winner].result
    centres = sorted(tuple(float(x) for x in np.round(one, 1) + 0.0) for one in found["centres"])
    print(f"centres: {centres}")
    return state


if __name__ == "__main__":
    main()
