"""Search for the best settings of a classifier, and stop the losers early.

Successive halving: each round trains what is left for a while, and lets the better third go on with
three times as much training. A round is an iteration of a loop whose body is a flow.
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from daskloop import Flow, Parameter, again, loop_flow, task, unmapped


@task
def digits():
    return train_test_split(*load_digits(return_X_y=True), test_size=0.4, random_state=0)


@task
def new_model(setting):
    rule = {"alpha": setting[0], "eta0": setting[1], "learning_rate": "constant"}
    return {"setting": setting, "epochs": 0, "model": SGDClassifier(random_state=0, **rule)}


@task(max_retries=1)
def train(entry, data, epochs):
    x, x_test, y, y_test = data
    for _ in range(epochs):
        entry["model"].partial_fit(x, y, classes=range(10))
    score = entry["model"].score(x_test, y_test)
    return {**entry, "epochs": entry["epochs"] + epochs, "score": score}


@task
def better_third(entries):
    ranked = sorted(entries, key=lambda one: (-one["score"], one["setting"]))
    return ranked[: -(-len(ranked) // 3)]


@task
def sums(trained, spent, epochs):
    return {"spent": spent + epochs * len(trained), "over": len(trained) == 1}


@loop_flow(max_loops=10)
def halving(entries, data, epochs=1, spent=0):
    trained = train.map(entries, unmapped(data), unmapped(epochs))
    done = sums(trained, spent, epochs)
    onward = again(entries=better_third(trained), epochs=epochs * 3, spent=done["spent"])
    return onward.until(done["over"], result=[trained[0], done["spent"]])


with Flow("search") as flow:
    models = new_model.map(Parameter("settings"))
    found = halving(models, digits())

SETTINGS = [(10.0**alpha, 10.0**eta0) for alpha in range(-6, 0) for eta0 in (-5, -4, -3)]


def main():
    state = flow.run(settings=SETTINGS)
    best, spent = state.result[found].result
    print(f"best of {len(SETTINGS)}: alpha={best['setting'][0]:g}, eta0={best['setting'][1]:g}")
    print(f"score {best['score']:.3f} after {best['epochs']} epochs")
    print(f"{spent} epochs in all; without stopping, {len(SETTINGS) * best['epochs']}")
    return state


if __name__ == "__main__":
    main()
