"""What docs/scaling.md reckons with: measured costs, and a simulation of what needs more machines than one.

    python -m benchmarks.scaling              measure the costs anew, then simulate
    python -m benchmarks.scaling --simulate   simulate with the costs that are kept

The costs are kept in `costs.json` beside this file; the simulation draws docs/scaling.png, and
docs/scaling.md is written from `page.md` with the figures of both.
"""
