# METADATA
# title: Results
# description: |
#   The only maker of reports. A rule says which targets it looks at and how each was judged; the words come from
#   the rule's own METADATA. A target without a judgement is `skipped`, which denies: silence never passes.
package placet.lib.result

import data.placet.lib.facts
import data.placet.settings

# METADATA
# title: Report
# description: |
#   `chain` is `rego.metadata.chain()` of the calling rule, `targets` a set of ids, `judged` an object from target
#   to a judgement made by `exists` or `holds`. No target at all is one result `not_applicable`.
report(chain, targets, judged) := {
	"code": words.code,
	"title": chain[0].annotations.title,
	"severity": words.severity,
	"controls": object.get(words, "controls", []),
	"requirements": object.get(words, "requirements", []),
	"effective_on": object.get(words, "effective_on", ""),
	"solution": _fill(words.solution, _about_subject),
	"results": _results(chain, targets, judged),
} if {
	words := chain[0].annotations.custom
}

# METADATA
# title: Exists
# description: |
#   The judgement "there is good evidence": pass when the set `good` is not empty. Otherwise fail, or skipped when
#   `otherwise.unclear` names evidence that could not be evaluated. `otherwise` may carry `message` (a key of
#   `custom.messages`), `values`, `notes`, `unclear`, `evidence`.
exists(good, _) := {"status": "pass", "evidence": good} if count(good) > 0

exists(good, otherwise) := _failure(otherwise) if count(good) == 0

# METADATA
# title: Holds
# description: The judgement of a predicate that is false by default.
holds(true, otherwise) := {"status": "pass", "evidence": object.get(otherwise, "evidence", set())}

holds(false, otherwise) := _failure(otherwise)

_failure(otherwise) := object.union(
	object.remove(otherwise, ["unclear"]),
	{"status": "fail"},
) if {
	count(object.get(otherwise, "unclear", set())) == 0
}

_failure(otherwise) := object.union(
	object.remove(otherwise, ["unclear"]),
	{
		"status": "skipped",
		"evidence": otherwise.unclear,
		"notes": (object.get(otherwise, "notes", set()) | {{"note": "unreadable"}}),
	},
) if {
	count(object.get(otherwise, "unclear", set())) > 0
}

_results(chain, targets, _) := {{
	"status": "not_applicable",
	"target": input.subject,
	"message": object.get(chain[0].annotations.custom, "not_applicable", "nothing to look at"),
	"evidence": [],
}} if {
	count(targets) == 0
}

_results(chain, targets, judged) := {_result(chain, target, judgement) |
	some target in targets
	judgement := object.get(judged, target, {"status": "skipped", "notes": {{"note": "unreadable"}}})
} if {
	count(targets) > 0
}

_result(_, target, judgement) := {
	"status": "pass",
	"target": target,
	"evidence": sort(judgement.evidence),
} if {
	judgement.status == "pass"
}

_result(chain, target, judgement) := object.union(
	{
		"status": judgement.status,
		"target": target,
		"message": _fill(message, values),
		"solution": _fill(words.solution, values),
		"evidence": sort(object.get(judgement, "evidence", set())),
	},
	_notes(words, judgement, values),
) if {
	judgement.status != "pass"
	words := _words(chain)
	message := object.get(words.messages, object.get(judgement, "message", ""), words.failure_msg)
	values := object.union(_about(target), object.get(judgement, "values", {}))
}

_notes(words, judgement, values) := {"notes": notes} if {
	notes := sort({_fill(text, object.union(values, object.get(note, "values", {}))) |
		some note in judgement.notes
		text := object.get(words.notes, note.note, words.notes.finding)
	})
	count(notes) > 0
} else := {}

_about(target) := {"target": target, "label": facts.label(target), "path": facts.path(target)}

_about_subject := _about(input.subject)

# What every text may speak of, whatever the rule looks at: the gate, the subject, and the roles of the settings.
_common := object.union(
	{"{gate}": input.gate, "{subject}": input.subject},
	{sprintf("{%s}", [role]): concat(" or ", names) | some role, names in settings.roles},
)

_fill(text, values) := strings.replace_n(
	object.union(_common, {sprintf("{%s}", [key]): sprintf("%v", [value]) | some key, value in values}),
	text,
)

# The rule's words, with the notes of its package and of the packages above: the nearest wins.
_words(chain) := object.union(
	object.union({"messages": {}}, chain[0].annotations.custom),
	{"notes": object.union_n([object.get(link.annotations, ["custom", "notes"], {}) | some link in array.reverse(chain)])},
)
