#!/usr/bin/env python3
"""Compares the settings that d2-push finds with fixed ones, over several seeds of noise.

Reads lines of seed, setting ("default" or a number) and seconds. Each seed has its own best fixed setting.
"""
import argparse
import statistics

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--title", required=True)
parser.add_argument("--what", required=True, help="what the settings are")
parser.add_argument("--values", type=int, required=True)
parser.add_argument("--scale", required=True)
parser.add_argument("--median", type=float, required=True, help="the bar for the median of the seeds")
parser.add_argument("--worst", type=float, help="the bar for the worst seed")
arguments = parser.parse_args()

seconds = {}
with open(arguments.file) as lines:
    for line in lines:
        seed, setting, time = line.split("\t")
        seconds.setdefault(setting, {})[seed] = float(time)

seeds = list(seconds["default"])
best = {seed: min(times[seed] for name, times in seconds.items() if name != "default") for seed in seeds}
shares = {name: [best[seed] / times[seed] for seed in seeds] for name, times in seconds.items()}

noise = f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''} of noise"
print(f"\n## {arguments.title} ({arguments.values} values, {noise}, {arguments.scale} of the measured time)\n")
print(f"| {arguments.what} | × best fixed one, median | worst | values/s, median |\n|---|--:|--:|--:|")
for name, times in seconds.items():
    rate = arguments.values / statistics.median(times.values())
    print(f"| {name} | {statistics.median(shares[name]):.2f} | {min(shares[name]):.2f} | {rate:.0f} |")

median, worst = statistics.median(shares["default"]), min(shares["default"])
met = median >= arguments.median and (arguments.worst is None or worst >= arguments.worst)
bar = f"{arguments.median} in the median" + (f" and {arguments.worst} in the worst" if arguments.worst else "")
verdict = "met" if met else "**missed**"
print(f"\nDefault at least {bar} of the best fixed one: {median:.2f} and {worst:.2f}, {verdict}.")
