"""Train a model at several learning rates; the run is stopped in the middle, and then goes on.

An iteration is an epoch. Its weights are a NumPy checkpoint that the journal keeps, so that the
second run begins where the first one was, whatever became of its process.
"""

import tempfile
import time

import numpy as np

from daskloop import Flow, Parameter, again, task, unmapped


@task
def points(count):
    """Make two clouds of points in the plane, and say which point is of which."""
    draw = np.random.default_rng(7)
    label = draw.integers(0, 2, count)
    x = draw.normal(size=(count, 2)) + np.where(label[:, None] == 1, 1.0, -1.0)
    return np.c_[x, np.ones(count)], label


@task(max_loops=400, on_limit="return")
def train(rate, data, weights=None, epoch=1, best=np.inf, stale=0):
    """Descend the logistic loss until it has not improved for five epochs."""
    x, label = data
    weights = np.zeros(x.shape[1]) if weights is None else weights
    guess = 1 / (1 + np.exp(-x @ weights))
    loss = float(-np.mean(np.log(np.where(label == 1, guess, 1 - guess) + 1e-12)))

    stale = 0 if loss < best - 1e-5 else stale + 1
    if stale == 5:
        return {"rate": rate, "epochs": epoch, "loss": round(loss, 4)}
    return again(
        weights=weights - rate * x.T @ (guess - label) / len(label),
        epoch=epoch + 1,
        best=min(best, loss),
        stale=stale,
        message=f"epoch {epoch}: loss {loss:.4f}",
    )


with Flow("train") as flow:
    data = points(Parameter("count", default=2000))
    trained = train.map(Parameter("rates"), unmapped(data))

RATES = {"rates": [0.5, 2.0, 8.0]}


def main():
    with tempfile.TemporaryDirectory() as journal:
        run = flow.submit(**RATES, journal=journal)
        while len(run.history) < 40 and not run.done():  # a row for each epoch that has ended
            time.sleep(0.02)
        run.cancel()
        stopped = run.result()
        print(f"stopped in the middle: {stopped.is_cancelled()}")

        state = flow.run(**RATES, journal=journal, resume=run.name)
    for one in state.result[trained].result:
        print(f"rate {one['rate']}: loss {one['loss']} after {one['epochs']} epochs")
    whole = flow.run(**RATES, batch="auto")
    same = whole.result[trained].result == state.result[trained].result
    print(f"the same as without the stop: {same}")
    return state


if __name__ == "__main__":
    main()
