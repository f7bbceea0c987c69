"""Processes that tests start and kill: forked from one server that has imported what they run, because importing takes longest."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.worker", "tests.faults.asker", "tests.scenarios.eraser"])
