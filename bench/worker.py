"""The product's own worker process, which serves the engine's measure beside the product's workflows.

Both sides of a comparison run in it, so that caches, slots, sandbox and loaded modules are the same. The measure passes
through the sandbox as our own modules do.
"""

import runpy

from bench.waiting import WaitingWorkflow
from cli.local.data import ROOT
from workflows import registry, sandbox

if __name__ == "__main__":
    registry.WORKFLOWS = (*registry.WORKFLOWS, WaitingWorkflow)
    sandbox.PASSED_THROUGH = (*sandbox.PASSED_THROUGH, "bench")
    runpy.run_path(str(ROOT / "worker.py"), run_name="__main__")
