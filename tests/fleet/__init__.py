"""A simulated week of a whole fleet: thousands of connections on PostgreSQL, with schedule, sensors and jobs but without a daemon.

`python -m tests.fleet` runs it and judges it; a smaller form is a test. `plan` says who is in the fleet and what happens to them, `world`
is the process in which the exchanges live, `founding` sets a fleet up that has been connected for long, `week` lets time pass,
`judging` holds the outcome against the exchanges' truth, `figures` counts what it cost.
"""
