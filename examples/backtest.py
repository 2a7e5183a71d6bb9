"""Test a trading rule from many dates on: one loop for each date, a quarter for each iteration.

A date on which there are too few prices fails, and is tolerated. Thousands of iterations of less
than a millisecond share futures by ``batch="auto"``.
"""

import logging
from datetime import date, timedelta

import numpy as np

from daskloop import Flow, Parameter, again, task, unmapped
from daskloop.tasks.control_flow import FilterTask

BEGIN = date(2010, 1, 1)
QUARTER = 63  # trading days


@task
def prices(days):
    """Make a price series: a random walk with a drift."""
    draw = np.random.default_rng(11)
    return 100 * np.exp(np.cumsum(draw.normal(0.0003, 0.012, days)))


@task(tolerate=0.1)
def backtest(since, prices, day=None, money=1.0, trades=0):
    """Hold the asset in each quarter that begins above its average of a year."""
    day = (since - BEGIN).days if day is None else day
    if day < 252:
        raise ValueError(f"{since}: a year of prices is needed, there are {day} days")
    if day + QUARTER >= len(prices):
        return {"since": since.isoformat(), "money": round(float(money), 3), "trades": trades}
    holds = prices[day] > prices[day - 252 : day].mean()
    gain = prices[day + QUARTER] / prices[day] if holds else 1.0
    return again(day=day + QUARTER, money=money * gain, trades=trades + int(holds))


@task
def summary(results):
    money = [one["money"] for one in results]
    return {"dates": len(results), "median": float(np.median(money)), "worst": min(money)}


with Flow("backtest") as flow:
    series = prices(Parameter("days", default=5000))
    results = backtest.map(Parameter("dates"), unmapped(series), names="{since}")
    told = summary(FilterTask()(results))


def main():
    logging.getLogger("daskloop").setLevel(logging.CRITICAL)  # some dates are meant to fail
    dates = [BEGIN + timedelta(days=20 * n) for n in range(10, 210)]
    state = flow.run(dates=dates, batch="auto")
    children = state.result[results].map_states
    failed = [child.message for child in children if child.is_failed()]
    quarters = sum(child.loop_count for child in children if child.is_successful())
    print(f"{len(children)} dates, {quarters} quarters, {len(failed)} dates without enough prices")
    print(failed[0])
    print(state.result[told].result)
    print(f"the flow: {type(state).__name__}")
    return state


if __name__ == "__main__":
    main()
