"""A first flow: two tasks, a parameter, a map over a list and the sum of it."""

from daskloop import Flow, Parameter, task


@task
def words(text):
    return text.split()


@task
def length(word):
    return len(word)


@task
def total(numbers):
    return sum(numbers)


with Flow("letters") as flow:
    text = Parameter("text", default="to be or not to be")
    lengths = length.map(words(text))
    letters = total(lengths)


def main():
    state = flow.run()
    print("lengths:", state.result[lengths].result)
    print("letters:", state.result[letters].result)

    state = flow.run(text="that is the question")
    print("letters:", state.result[letters].result)
    return state


if __name__ == "__main__":
    main()
