# METADATA
# title: Tests of change
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.change_test

import data.placet.testing as t

_approval(path, value) := t.set_body(t.model, "approval", path, value)

_lacking(path) := t.drop_body(t.model, "approval", path)

_approver(id, principal) := t.signer(id, principal, ["approver"])

_by(who) := t.signed_by(t.model, "approval", who)

_anonymous := object.union(object.remove(t.model, ["request"]), {"request": object.remove(t.model.request, ["actor"])})

_two := t.with_statement(t.model, "second", t.approval(t.board, "model"))

_same_person_twice := t.with_statement(t.model, "second", t.approval(_approver("risk-2", "risk@example.org"), "model"))

_quorum(number) := [t.set_setting(["gates", "promote/production", "quorum"], number)]

_open_gate := [t.set_setting(["gates", "promote/production", "require_actor"], false)]

_used(subject, gate) := json.patch(t.model, [{"op": "add", "path": ["uses"], "value": {"approval": {
	"gate": gate,
	"environment": "production",
	"subject": t.digest(subject),
}}}])

_nothing_valid := {
	"no approval": t.case(t.without(t.model, {"approval"})),
	"none that holds": t.case(_approval(["decision"], "reject")),
}

cases["change.approved"] := {
	"pass": {
		"an approval that holds": t.case(t.model),
		"for any environment": t.case(_lacking(["scope", "environment"])),
		"of this version": t.case(_approval(["change"], {"from": t.digest("older"), "to": t.digest("model")})),
		"of a change from another version": t.case(_approval(["change"], {"from": t.digest("older")})),
		"with an empty list of conditions": t.case(_approval(["conditions"], [])),
		"without a beginning": t.case(_lacking(["validFrom"])),
		"beginning this very second": t.case(_approval(["validFrom"], "2026-11-23T21:30:00Z")),
		"beside a rejection by somebody else": t.case(t.set_body(_two, "second", ["decision"], "reject")),
		"an open gate does not ask who calls": t.case_with(_anonymous, _open_gate),
	},
	"fail": {
		"none": t.case(t.without(t.model, {"approval"})),
		"for another artifact": t.case(t.with_statement(
			t.without(t.model, {"approval"}),
			"other",
			t.approval(t.risk, "train.csv"),
		)),
		"without the role": t.case(_by(t.signer("risk-officer", "risk@example.org", ["evaluator"]))),
		"a review of the design": t.case(_approval(["kind"], "design-review")),
		"a rejection": t.case(_approval(["decision"], "reject")),
		"another gate": t.case(_approval(["scope", "gate"], "promote/staging")),
		"no gate": t.case(_lacking(["scope", "gate"])),
		"another environment": t.case(_approval(["scope", "environment"], "staging")),
		"in another role": t.case(_approval(["role"], "observer")),
		"under conditions": t.case(_approval(["conditions"], ["only after the audit"])),
		"of another version": t.case(_approval(["change"], {"to": t.digest("older")})),
		"about one rule": t.case(_approval(["scope", "rule"], "env.locked")),
		"no ticket": t.case(_approval(["ticket", "id"], " ")),
		"no ticket system": t.case(_lacking(["ticket", "system"])),
		"an empty ticket system": t.case(_approval(["ticket", "system"], " ")),
		"a ticket that is no text": t.case(_approval(["ticket", "id"], 1042)),
		"a ticket system that is no text": t.case(_approval(["ticket", "system"], {})),
		"not yet": t.case(_approval(["validFrom"], "2026-11-23T21:30:01Z")),
		"no longer": t.case(_approval(["validUntil"], "2026-11-23T21:30:00Z")),
		"without an end": t.case(_lacking(["validUntil"])),
		"by the requester": t.case(_by(_approver("dev-2", "dev@example.org"))),
		"by who trained the model": t.case(_by(_approver("ops", "ci@example.org"))),
		"nobody knows who asks": t.case(_anonymous),
	},
}

cases["change.approval_used"] := {
	"pass": {
		"not used": t.case(t.model),
		"used for this very subject": t.case(_used("model", "promote/production")),
		"another one is unused": t.case(json.patch(_used("older", "promote/production"), [{
			"op": "add",
			"path": ["statements", "second"],
			"value": t.approval(t.board, "model"),
		}])),
	},
	"fail": {
		"used for another subject": t.case(_used("older", "promote/production")),
		"used at another gate": t.case(_used("model", "deploy/production")),
		"used for another environment": t.case(json.patch(_used("model", "promote/production"), [{
			"op": "replace",
			"path": ["uses", "approval", "environment"],
			"value": "staging",
		}])),
		"one of two that are wanted": t.case_with(
			json.patch(_used("older", "promote/production"), [{
				"op": "add",
				"path": ["statements", "second"],
				"value": t.approval(t.board, "model"),
			}]),
			_quorum(2),
		),
	},
	"not_applicable": _nothing_valid,
}

cases["change.role_quorum"] := {
	"pass": {
		"one of one": t.case(t.model),
		"two of two": t.case_with(_two, _quorum(2)),
		"one, where the settings say none": t.case_with(t.model, _quorum(0)),
	},
	"fail": {
		"one of two": t.case_with(t.model, _quorum(2)),
		"the same person twice": t.case_with(_same_person_twice, _quorum(2)),
	},
	"not_applicable": _nothing_valid,
}

cases["request.actor_unknown"] := {
	"pass": {"somebody authenticated": t.case(t.model)},
	"fail": {
		"nobody did": t.case(_anonymous),
		"a caller without a principal": t.case(json.patch(t.model, [{
			"op": "replace",
			"path": ["request", "actor", "principal"],
			"value": "",
		}])),
	},
	"not_applicable": {"the gate does not ask": t.case_with(_anonymous, _open_gate)},
}

_notes(world) := t.check(t.case(world), "change.approved").results[0].notes

test_cases if t.surprises(cases) == set()

test_why_a_candidate_does_not_hold if {
	_notes(_by(_approver("dev-2", "dev@example.org"))) == ["there is one by dev-2, but its principal is the requester"]
	_notes(_by(_approver("ops", "ci@example.org"))) == [concat(" ", [
		"there is one by ops,",
		"but its principal made something in the lineage",
	])]
	_notes(_approval(["scope", "gate"], "promote/staging")) == [concat(" ", [
		"there is one by risk-officer,",
		"but it is for gate promote/staging",
	])]
	_notes(_approval(["scope", "environment"], "x")) == ["there is one by risk-officer, but it is for environment x"]
	_notes(_approval(["validUntil"], "2026-11-01T00:00:00Z")) == [concat(" ", [
		"there is one by risk-officer, but it held only until",
		"2026-11-01T00:00:00Z",
	])]
	_notes(_approval(["validFrom"], "2027-01-01T00:00:00Z")) == [concat(" ", [
		"there is one by risk-officer, but it holds only from",
		"2027-01-01T00:00:00Z",
	])]
	_notes(_anonymous) == [concat(" ", [
		"there is one by risk-officer, but with no authenticated caller",
		"it cannot be told from the requester's",
	])]
	_notes(_approval(["conditions"], ["only after the audit"])) == [concat(" ", [
		"there is one by risk-officer,",
		"but it holds under conditions that nothing here can check",
	])]
	_notes(_approval(["change"], {"to": t.digest("older")})) == [concat(" ", [
		"there is one by risk-officer,",
		"but it is for another version",
	])]
	_notes(_approval(["scope", "rule"], "env.locked")) == ["there is one by risk-officer, but it is about one rule"]
	_notes(_approval(["kind"], "design-review")) == ["there is one by risk-officer, but it is of another kind than change"]
	_notes(_approval(["decision"], "reject")) == ["there is one by risk-officer, but it does not approve"]
	_notes(_approval(["ticket"], {})) == ["there is one by risk-officer, but it names no change ticket"]
	_notes(_by(t.signer("risk-officer", "risk@example.org", ["evaluator"]))) == [concat(" ", [
		"there is one by risk-officer,",
		`but not under a role "approver"`,
	])]
}

test_a_waiver_explains_no_approval if {
	world := t.with_statement(t.without(t.model, {"approval"}), "waiver", t.waiver(t.ci, "model", "env.locked"))
	not t.check(t.case(world), "change.approved").results[0].notes
}

test_refused_approval_is_shown if {
	world := json.patch(t.without(t.model, {"approval"}), [{"op": "add", "path": ["findings"], "value": [{
		"code": "trust.role_missing",
		"statement": t.statement("bobs"),
		"artifact": t.digest("model"),
		"type": "approval",
		"signer": "bob",
		"text": "-",
	}]}])
	found := t.check(t.case(world), "change.approved")
	found.message == "no valid approval for gate promote/production"
	found.results[0].notes == ["there is one by bob, but its signer may not approve (trust.role_missing)"]
	found.solution == concat("", [
		`a role "approver" other than the requester and the builders signs one:  `,
		"placet approve promote/production ",
		t.digest("model"),
		" --ticket ID",
	])
}

test_used_approval_says_for_what if {
	found := t.check(t.case(_used("older", "promote/production")), "change.approval_used")
	found.message == "every valid approval was used before for something else"
	found.results[0].notes == [sprintf(
		"the one by risk-officer was used at gate promote/production for %s",
		[t.short("older")],
	)]
	some_left := t.check(cases["change.approval_used"].fail["one of two that are wanted"], "change.approval_used")
	some_left.message == "of the valid approvals too few are unused: 1 of 2"
}

test_quorum_counts_people if {
	found := t.check(t.case_with(_same_person_twice, _quorum(2)), "change.role_quorum")
	found.message == "1 of 2 approvers have approved"
}

test_allow_reserves_one_approval_each if {
	t.decide(t.case(t.model)).reserve == [t.statement("approval")]
	t.decide(t.case_with(_two, _quorum(2))).reserve == sort([t.statement("approval"), t.statement("second")])
	count(t.decide(t.case(_two)).reserve) == 1
}

test_allow_reserves_again_what_it_used_before if {
	used := json.patch(_two, [{"op": "add", "path": ["uses"], "value": {"approval": {
		"gate": "promote/production",
		"environment": "production",
		"subject": t.digest("model"),
	}}}])
	t.decide(t.case(used)).reserve == [t.statement("approval")]
}

test_allow_reserves_what_is_for_the_ticket if {
	world := t.set_body(_two, "approval", ["ticket", "id"], "CHG-1")
	t.decide(t.case(world)).reserve == [t.statement("second")]
}

test_evidence_is_what_the_outcome_rests_on if {
	every code in {"change.approved", "change.approval_used", "change.role_quorum", "change.ticket_matches"} {
		t.check(t.case(t.model), code).results[0].evidence == [t.statement("approval")]
	}
}

test_a_gate_without_approvals_reserves_none if {
	world := json.patch(_approval(["scope"], {"gate": "register"}), [{
		"op": "replace",
		"path": ["gate"],
		"value": "register",
	}])
	t.decide(t.case(world)).verdict == "allow"
	t.decide(t.case(world)).reserve == []
}

test_deny_and_dry_run_reserve_nothing if {
	t.decide(t.case(t.without(t.model, {"train"}))).reserve == []
	dry := t.decide(t.case(json.patch(t.model, [{"op": "replace", "path": ["request", "dry_run"], "value": true}])))
	dry.verdict == "allow"
	dry.reserve == []
}
