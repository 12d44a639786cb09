"""A run of `./opora bench orders` that nobody had to wait for."""

from datetime import UTC, datetime

from bench.cpu import CpuPerOrder
from bench.history import History
from bench.latency import Waits
from bench.machine import Machine
from bench.order_run import Run
from bench.orders import EngineCost, OrderCost
from bench.statements import Served


def a_run() -> Run:
    engine = CpuPerOrder({"temporal": 60.0, "worker": 30.0, "api": 0.0, "postgres": 0.0, "caller": 10.0})
    course = CpuPerOrder({"temporal": 85.0, "worker": 40.0, "api": 0.0, "postgres": 0.0, "caller": 5.0})
    noting = CpuPerOrder({"temporal": 90.0, "worker": 70.0, "api": 0.0, "postgres": 35.0, "caller": 5.0})
    placed = CpuPerOrder({"temporal": 40.0, "worker": 50.0, "api": 20.0, "postgres": 10.0})
    shipped = CpuPerOrder({"temporal": 10.0, "worker": 10.0, "api": 5.0, "postgres": 5.0})
    return Run(
        at=datetime(2026, 4, 6, tzinfo=UTC),
        machine=Machine("Linux x86_64", 2, 24_000, "3.11", 0.1, "0123456789ab"),
        orders=100,
        engine=EngineCost(engine, 20.0, History(50, 8_192)),
        course=EngineCost(course, 15.0, History(80, 10_240)),
        noting=EngineCost(noting, 12.0, History(80, 11_000)),
        credit=OrderCost({"place": placed, "ship": shipped}, 5.0, History(100, 40_960), Served(450, 60)),
        prepaid=OrderCost(
            {"place": placed, "pay": shipped, "ship": shipped}, 4.0, History(150, 61_440), Served(520, 72)
        ),
        waits=[
            Waits(1, engine=[0.010, 0.020], ours=[0.030, 0.060]),
            Waits(1, engine=[0.010, 0.020], ours=[0.040, 0.080], rates=(33.3, 11.1)),
            Waits(1, engine=[0.005, 0.010], ours=[0.040, 0.080], rates=(11.1, 11.1)),
            Waits(8, engine=[0.1], ours=[0.2]),
        ],
    )
