"""What is killed of the commands that read and send values."""

import json

from promises import promise
from scene import OLD, SPAN, Scene, document
from world import ACCOUNT, key


class Pull(Scene):
    title = "d2-pull"
    leaves_state = False
    variants = [[], ["--spool"], ["--concurrency", "4"]]

    def arguments(self):
        return ["d2-pull", "--pair", "p", *SPAN, "--summary", "summary", *self.world.draw.choice(self.variants)]

    def run(self):
        self.world.write("summary", OLD)
        seconds = self.do(self.arguments(), target=self.world.path("out"))
        return seconds

    def learn(self):
        self.run()
        self.whole = set(self.world.read("out").split(b"\n")[:-1])
        promise(len(self.whole) > 1000, "hardly a value")

    undisturbed = run

    def strike(self, usual):
        self.world.write("summary", OLD)
        return self.world.strike(self.arguments(), usual, target=self.world.path("out"))

    def check(self):
        *lines, last = self.world.read("out").split(b"\n")
        promise(len(set(lines)) == len(lines), "a value comes twice")
        promise(set(lines) <= self.whole, "a line that is none of the source's")
        promise(any(line.startswith(last) for line in self.whole),
                f"the last line is none of the source's: {last[:100]}")
        if self.old_or_new("summary", lambda data: document(data).get("values") == len(self.whole)):
            promise(set(lines) == self.whole, "a summary of values that were not written")

    def settle(self):
        self.run()
        promise(set(self.world.read("out").split(b"\n")[:-1]) == self.whole, "the next run comes to another end")


class Push(Scene):
    title = "d2-push"
    variants = [[], ["--concurrency", "4"]]

    def arguments(self):
        return ["d2-push", "--pair", "p", "--batch-size", "250", "--rejects", "rejects", "--overwrite-rejects",
                "--summary", "summary", *self.world.draw.choice(self.variants)]

    def before(self):
        self.world.empty_destination()
        self.world.write("rejects", OLD)
        self.world.write("summary", OLD)

    def learn(self):
        lines = [line for line in self.world.lines if not json.loads(line).get("deleted")][:1500]
        # Some that the server refuses, in the middle.
        for place in (40, 700, 701):
            value = json.loads(lines[place])
            lines[place] = json.dumps({**value, "orgUnit": "NoSuchUnit1"}, separators=(",", ":"))
        self.lines = [json.loads(line) for line in lines]
        self.world.write("input", ("\n".join(lines) + "\n").encode())
        self.wanted = {key(value): value["value"] for value in self.lines if value["orgUnit"] != "NoSuchUnit1"}
        self.undisturbed()

    def undisturbed(self):
        self.before()
        return self.run()

    def run(self):
        seconds = self.do(self.arguments(), (1,), source=self.world.path("input"))
        promise(self.world.held(self.world.destination) == self.wanted, "the destination does not hold what was sent")
        promise(self.are_rejects(self.world.read("rejects")), "the rejects are others")
        promise(self.is_account(self.world.read("summary")), "the account is another")
        return seconds

    def strike(self, usual):
        self.before()
        return self.world.strike(
            self.arguments(),
            usual, source=self.world.path("input"),
            target=self.world.path("out"))

    @staticmethod
    def are_rejects(data, whole=True):
        lines = [document(line) for line in data.split(b"\n")[:-1]]
        numbers = sorted(line.get("line", 0) for line in lines)
        return numbers == [41, 701, 702] if whole else set(numbers) <= {41, 701, 702}

    def is_account(self, data):
        account = document(data)
        return account.get("read") == len(self.lines) == sum(account[name] for name in ACCOUNT)

    def check(self):
        held = self.world.held(self.world.destination)
        promise(all(self.wanted.get(found) == value for found, value in held.items()),
                "the destination holds what was never sent")
        self.old_or_new("rejects", self.are_rejects)
        promise(self.are_rejects(self.world.read("rejects.part"), whole=False), "rejects.part has others")
        if self.old_or_new("summary", self.is_account):
            promise(held == self.wanted, "an account of values that are not there")
        # What a batch's line says was taken was taken.
        for line in self.world.read("out").split(b"\n")[:-1]:
            batch = json.loads(line)
            taken = [value for value in self.lines[batch["firstLine"] - 1:batch["lastLine"]]
                     if value["orgUnit"] != "NoSuchUnit1"]
            there = sum(held.get(key(value)) == value["value"] for value in taken)
            promise(there >= batch["imported"] + batch["updated"], f"a batch says more than is there: {line[:200]}")

    def settle(self):
        self.run()


class Diff(Scene):
    """The destination lacks every tenth value."""

    title = "d2-diff"
    leaves_state = False

    def arguments(self):
        return ["d2-diff", "--pair", "p", *SPAN, "--summary", "summary", "--format", "ndjson"]

    def learn(self):
        lines = [line for line in self.world.lines if not json.loads(line).get("deleted")]
        kept = [line for number, line in enumerate(lines) if number % 10]
        self.world.fetch(self.world.destination, "/control/values", "POST", ("\n".join(kept) + "\n").encode())
        self.undisturbed()
        self.whole = self.world.read("out")
        promise(self.whole.count(b"\n") > 100, "hardly a difference")

    def undisturbed(self):
        self.world.write("summary", OLD)
        return self.do(self.arguments(), (1,), target=self.world.path("out"))

    def strike(self, usual):
        self.world.write("summary", OLD)
        return self.world.strike(self.arguments(), usual, target=self.world.path("out"))

    def check(self):
        promise(self.whole.startswith(self.world.read("out")), "other differences than there are")
        if self.old_or_new("summary", lambda data: document(data) != {}):
            promise(self.world.read("out") == self.whole, "a summary of differences that were not written")

    def settle(self):
        self.undisturbed()
        promise(self.world.read("out") == self.whole, "the next run comes to another end")


class Suggest(Scene):
    title = "d2-map suggest"
    leaves_state = False
    command = ["d2-map", "suggest", "--pair", "p", "--quiet"]

    def learn(self):
        self.undisturbed()
        self.whole = self.world.read("out")
        promise(self.whole.count(b"\n") > 50, "hardly a suggestion")

    def undisturbed(self):
        return self.do(self.command, target=self.world.path("out"))

    def strike(self, usual):
        return self.world.strike(self.command, usual, target=self.world.path("out"))

    def check(self):
        promise(self.whole.startswith(self.world.read("out")), "another table than the whole one")

    def settle(self):
        self.undisturbed()
        promise(self.world.read("out") == self.whole, "the next run comes to another end")
