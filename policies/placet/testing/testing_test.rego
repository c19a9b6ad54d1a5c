# METADATA
# title: Builders for tests
# description: |
#   A world is a short telling of evidence: statements by a name, about artifacts by a name. `facts` makes the policy
#   input of it as the engine would, walking back from the subject, so that a statement which is taken away takes its
#   parents, kinds and look-ups with it. A case is a world and a patch of the settings.
package placet.testing

import data.placet.main
import data.placet.settings

now := "2026-11-23T21:30:00Z"

digest(name) := concat("", ["sha256:", crypto.sha256(name)])

statement(name) := digest(concat("", ["statement/", name]))

# What `placet` calls the same digest in a message.
label(name) := concat(" ", [name, short(name)])

short(name) := concat("", [substring(digest(name), 0, 19), "…"])

signer(id, principal, roles) := {"id": id, "principal": principal, "roles": roles}

ci := signer("ci", "ci@example.org", ["builder", "trainer"])

owner := signer("data-owner", "data@example.org", ["data-owner"])

evaluator := signer("evaluator", "eval@example.org", ["evaluator"])

risk := signer("risk-officer", "risk@example.org", ["approver"])

board := signer("board", "board@example.org", ["approver"])

dataset(name, kind) := {
	"type": "dataset",
	"subjects": [name],
	"signer": owner,
	"since": "2026-11-20T10:00:00Z",
	"body": {
		"name": name,
		"version": "2026.11",
		"kind": kind,
		"origin": {"issuer": "clinic", "source": "registry", "method": "export"},
		"rights": {"license": "CC-BY-4.0"},
		"governance": {"owner": "data@example.org"},
	},
}

approval(who, subject) := {
	"type": "approval",
	"subjects": [subject],
	"signer": who,
	"since": "2026-11-23T12:00:00Z",
	"body": {
		"kind": "change",
		"decision": "approve",
		"ticket": {"system": "jira", "id": "CHG-1042"},
		"role": "approver",
		"scope": {"gate": "promote/production", "environment": "production"},
		"validFrom": "2026-11-23T00:00:00Z",
		"validUntil": "2026-12-23T00:00:00Z",
	},
}

waiver(who, subject, rule) := {
	"type": "waiver",
	"subjects": [subject],
	"signer": who,
	"since": "2026-11-23T12:00:00Z",
	"body": {
		"kind": "waiver",
		"decision": "approve",
		"ticket": {"system": "jira", "id": "RISK-7"},
		"role": "approver",
		"scope": {"gate": "promote/production", "rule": rule},
		"validUntil": "2027-01-31T00:00:00Z",
		"reason": "known, and being worked on",
	},
}

evaluation(test, accuracy) := {
	"type": "measurement",
	"subjects": ["model"],
	"signer": evaluator,
	"since": "2026-11-22T10:05:00Z",
	"body": {
		"kind": "evaluation",
		"suite": {"name": "holdout", "version": "1"},
		"inputs": {"model": digest("model"), "test": digest(test), "predictions": digest("predictions.csv")},
		"started": "2026-11-22T10:00:00Z",
		"finished": "2026-11-22T10:00:30Z",
		"results": {"accuracy": {"metric": "accuracy", "value": accuracy, "sample_size": 114}},
	},
}

training := {
	"type": "training",
	"subjects": ["model"],
	"signer": ci,
	"since": "2026-11-22T09:10:00Z",
	"body": {
		"stage": "train",
		"build_type": "https://placet.dev/buildtypes/train/v1",
		"builder": "https://ci.example.org/runner",
		"entry_point": "python train.py",
		"started": "2026-11-22T09:00:00Z",
		"finished": "2026-11-22T09:05:00Z",
		"parameters": {"C": 1.5, "solver": "lbfgs", "max_iter": 500, "shuffle": true},
		"seeds": {"numpy": 7},
		"determinism": {},
		"dependencies": {
			digest("train.csv"): {"name": "data/train.csv", "role": "dataset"},
			digest("code"): {"name": "train.py", "role": "code"},
			digest("lock"): {"name": "requirements.lock", "role": "lock"},
		},
		"unpinned": [],
	},
}

splitting := {
	"type": "preprocess",
	"subjects": ["train.csv", "test.csv"],
	"signer": ci,
	"since": "2026-11-21T09:10:00Z",
	"body": {
		"stage": "preprocess",
		"build_type": "https://placet.dev/buildtypes/preprocess/v1",
		"builder": "https://ci.example.org/runner",
		"entry_point": "python split.py",
		"started": "2026-11-21T09:00:00Z",
		"finished": "2026-11-21T09:01:00Z",
		"dependencies": {digest("raw.csv"): {"name": "data/raw.csv", "role": "dataset"}},
		"unpinned": [],
	},
}

packaging := {
	"type": "package",
	"subjects": ["image"],
	"signer": ci,
	"since": "2026-11-22T12:10:00Z",
	"body": {
		"stage": "package",
		"build_type": "https://placet.dev/buildtypes/package/v1",
		"builder": "https://ci.example.org/runner",
		"entry_point": "placet package",
		"started": "2026-11-22T12:00:00Z",
		"finished": "2026-11-22T12:01:00Z",
		"dependencies": {digest("model"): {"name": "model.joblib", "role": "model"}},
		"unpinned": [],
	},
}

splits := {
	"type": "measurement",
	"subjects": ["train.csv", "test.csv"],
	"signer": evaluator,
	"since": "2026-11-22T08:00:00Z",
	"body": {
		"kind": "splits",
		"suite": {"name": "splits", "version": "1"},
		"inputs": {"train": digest("train.csv"), "test": digest("test.csv")},
		"finished": "2026-11-22T07:59:00Z",
		"results": {
			"rows.train": {"metric": "rows", "value": 455, "sample_size": 455},
			"rows.test": {"metric": "rows", "value": 114, "sample_size": 114},
			"overlap.rows": {"metric": "rows", "value": 0, "sample_size": 569},
		},
	},
}

# A model with everything in order, at the gate to production.
model := {
	"gate": "promote/production",
	"now": now,
	"subject": "model",
	"request": {
		"actor": {"id": "dev", "principal": "dev@example.org", "roles": ["gate"]},
		"environment": "production",
		"context": {"ticket": "CHG-1042"},
		"dry_run": false,
	},
	"statements": {
		"raw": dataset("raw.csv", "raw"),
		"train": dataset("train.csv", "derived"),
		"test": dataset("test.csv", "derived"),
		"splitting": splitting,
		"training": training,
		"splits": splits,
		"evaluation": evaluation("test.csv", 0.97),
		"approval": approval(risk, "model"),
	},
	"uses": {},
	"findings": [],
	"revoked": {},
	"kinds": {},
	"names": {"model": "churn-model"},
	"cycle": [],
	"truncated": false,
	"unpinned": [],
}

# The same model, trained on further data too, of which its owner and the evaluator speak well.
model_fed_more := json.patch(model, [
	{
		"op": "add",
		"path": ["statements", "training", "body", "dependencies", digest("extra.csv")],
		"value": {"name": "data/extra.csv", "role": "dataset"},
	},
	{"op": "add", "path": ["statements", "extra"], "value": dataset("extra.csv", "raw")},
	{"op": "add", "path": ["statements", "extra splits"], "value": splits_of("extra.csv", "test.csv")},
])

splits_of(train, test) := json.patch(splits, [
	{"op": "replace", "path": ["subjects"], "value": [train, test]},
	{"op": "replace", "path": ["body", "inputs"], "value": {"train": digest(train), "test": digest(test)}},
])

# The same model in an image, at the same gate.
image := json.patch(model, [
	{"op": "replace", "path": ["subject"], "value": "image"},
	{"op": "add", "path": ["statements", "packaging"], "value": packaging},
	{"op": "replace", "path": ["statements", "approval"], "value": approval(risk, "image")},
])

# The raw dataset, into the registry.
data_at_register := json.patch(model, [
	{"op": "replace", "path": ["gate"], "value": "register"},
	{"op": "replace", "path": ["subject"], "value": "raw.csv"},
	{"op": "replace", "path": ["request"], "value": {"context": {}, "dry_run": false}},
	{"op": "replace", "path": ["statements"], "value": {"raw": dataset("raw.csv", "raw")}},
])

# A file nobody has said anything about.
stranger := json.patch(model, [
	{"op": "replace", "path": ["subject"], "value": "some.file"},
	{"op": "replace", "path": ["statements"], "value": {}},
	{"op": "replace", "path": ["request", "context"], "value": {}},
])

with_statement(world, name, told) := json.patch(world, [{"op": "add", "path": ["statements", name], "value": told}])

without(world, names) := object.union(
	object.remove(world, ["statements"]),
	{"statements": object.remove(world.statements, names)},
)

set_body(world, name, path, value) := json.patch(world, [{
	"op": "add",
	"path": array.concat(["statements", name, "body"], path),
	"value": value,
}])

drop_body(world, name, path) := json.patch(world, [{
	"op": "remove",
	"path": array.concat(["statements", name, "body"], path),
}])

signed_by(world, name, who) := json.patch(world, [{
	"op": "replace",
	"path": ["statements", name, "signer"],
	"value": who,
}])

set_setting(path, value) := {"op": "add", "path": path, "value": value}

case(world) := {"world": world, "settings": []}

case_with(world, patch) := {"world": world, "settings": patch}

# The decision about a case.
decide(told) := answer if {
	patched := json.patch(settings, told.settings)
	answer := main.decision with input as facts(told.world) with data.placet.settings as patched
}

check(told, code) := [found | some found in decide(told).checks; found.code == code][0]

# Where a table of cases is wrong: another status than expected, or a failure without whole words.
surprises(table) := {surprise |
	some code, statuses in table
	some expected, labelled in statuses
	some label, told in labelled
	found := check(told, code)
	some problem in _problems(found, expected)
	surprise := {"code": code, "case": label, "problem": problem}
}

_problems(found, expected) := union({
	{sprintf("%s, not %s", [found.status, expected]) | found.status != expected},
	{"no message" | expected != "pass"; not found.message},
	{"a placeholder is left" | regex.match(`[{}]`, _words(found))},
})

_words(found) := concat(" ", array.concat(
	[object.get(found, "message", ""), found.solution],
	[text |
		some row in found.results
		some text in array.concat([object.get(row, "message", "")], object.get(row, "notes", []))
	],
))

codes(told, status) := {found.code | some found in decide(told).checks; found.status == status}

# The policy input of a world.
facts(world) := {
	"version": 1,
	"gate": world.gate,
	"now": world.now,
	"request": world.request,
	"subject": digest(world.subject),
	"artifacts": {artifact: _artifact(world, held, artifact) | some artifact in reached},
	"statements": {statement(name): _statement(told) | some name, told in held},
	"by_type": {short_type: by_subject |
		some short_type in {told.type | some told in held}
		by_subject := {subject: sort({statement(name) |
			some name, told in held
			told.type == short_type
			subject in _subjects(told)
		}) |
			some other in held
			other.type == short_type
			some subject in _subjects(other)
		}
	},
	"lineage": {
		"cycle": [digest(name) | some name in world.cycle],
		"truncated": world.truncated,
		"unpinned": [{"artifact": digest(entry.artifact), "name": entry.name} | some entry in world.unpinned],
	},
	"history": {
		"as_of": 42,
		"uses": {statement(name): use | some name, use in world.uses},
		"deployed": {},
		"budget": {},
		"incidents": [],
	},
	"findings": world.findings,
} if {
	reached := graph.reachable(_edges(world), {digest(world.subject)}) | {digest(world.subject)}
	held := {name: told | some name, told in world.statements; count(_subjects(told) & reached) > 0}
}

_subjects(told) := {digest(name) | some name in told.subjects}

_sources(told) := used | derived if {
	used := object.keys(object.get(told.body, "dependencies", {}))
	derived := {source.digest | some source in object.get(told.body, ["origin", "derivedFrom"], [])}
}

_edges(world) := {artifact: parents |
	some told in world.statements
	some node in (_subjects(told) | _sources(told))
	some artifact in {node}
	parents := union({_sources(other) | some other in world.statements; artifact in _subjects(other)}) - {artifact}
}

_kinds := {"dataset": "dataset", "training": "model", "preprocess": "dataset", "ingest": "dataset", "package": "image"}

_artifact(world, held, artifact) := object.union_n([
	{
		"kinds": kinds,
		"aliases": [],
		"statements": sort({statement(name) | some name, told in held; artifact in _subjects(told)}),
		"parents": sort(object.get(_edges(world), artifact, set())),
		"distance": count({artifact} - {digest(world.subject)}),
	},
	{"kind": kind | [kind] = kinds},
	{"name": name | some called, name in world.names; digest(called) == artifact},
	{"revoked": revoked | some called, revoked in world.revoked; digest(called) == artifact},
]) if {
	claimed := {_kinds[told.type] | some told in held; artifact in _subjects(told)}
	given := {kind | some called, kind in world.kinds; digest(called) == artifact}
	kinds := sort(claimed | given)
}

_statement(told) := {
	"type": concat("", ["https://example.org/", told.type]),
	"short_type": told.type,
	"subjects": sort(_subjects(told)),
	"signers": [told.signer],
	"since": told.since,
	"body": told.body,
}
