"""Breaking the service while it works, and judging from outside what became of it.

`make faults` plays every scenario on both brokers with three seeds, under 5,000 commands on 500 groups, and writes
docs/faults.md. One of them, smaller: `FAULTS=full FAULTS_SEEDS=7 pytest tests/faults -k two_relays`. The figures of
scenarios that ran before are kept in .faults/, so that one can be played again without all others.

A scenario opens a stage, starts the load, breaks something, and expects all invariants:

    with open_stage(sabotage={"worker": Sabotage("after_commit")}) as s:
        s.load.start()
        s.wait_for_cut("worker")
        s.expect_all_invariants()

Where a process dies is drawn from the seed; where exactly, is a cut (sabotaged.py). The first line of a scenario's
docstring is its name in the report.
"""
