"""All that is killed, in the order in which it is tried."""

from scenes_of_ledger import Plan, Report, Verbs, Work
from scenes_of_store import Begin, DataSets, OrgUnits, Pairs
from scenes_of_values import Diff, Pull, Push, Suggest

SCENES = [Pull, Push, Begin, Pairs, OrgUnits, DataSets, Plan, Work, Verbs, Report, Diff, Suggest]
