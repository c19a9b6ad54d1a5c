# METADATA
# title: Facts
# description: |
#   Look-ups over the input: who stands in the lineage, which statements speak about whom, what things are
#   called. Every look-up goes by key; nothing here walks the statements more than once.
package placet.lib.facts

import data.placet.settings

# METADATA
# title: Gate
# description: The settings of the gate that was asked; undefined when the settings do not know it.
gate := settings.gates[input.gate]

# METADATA
# title: Statements of a type
# description: Digests of the admitted statements of one short type about one artifact.
of_type(short_type, artifact) := {digest | some digest in object.get(input.by_type, [short_type, artifact], [])}

# METADATA
# title: Producing statements
# description: Admitted provenance of any stage that says how an artifact was made.
producing(artifact) := union({of_type(short_type, artifact) |
	some short_type in ["training", "preprocess", "ingest", "package", "provenance"]
})

# METADATA
# title: Principals
# description: Who signed a statement under one of the wanted roles. Names inside a statement never count.
principals(statement, roles) := {signer.principal |
	some signer in input.statements[statement].signers
	some role in signer.roles
	role in roles
}

# METADATA
# title: Signed under a role
# description: True when a statement has a signer with one of the wanted roles.
default signed_as(_, _) := false

signed_as(statement, roles) if count(principals(statement, roles)) > 0

# METADATA
# title: Signers
# description: The ids of a statement's signers, in one text.
signers(statement) := concat(", ", sort({signer.id | some signer in input.statements[statement].signers}))

# METADATA
# title: Dependency roles
# description: In which roles admitted statements name an artifact as something they used.
dependency_roles[digest] contains dependency.role if {
	some statement in input.statements
	some digest, dependency in statement.body.dependencies
}

dependency_roles[digest] contains "dataset" if {
	some statement in input.statements
	some source in statement.body.origin.derivedFrom
	digest := source.digest
}

_dependency_names[digest] contains dependency.name if {
	some statement in input.statements
	some digest, dependency in statement.body.dependencies
}

_claimed[kind] contains digest if {
	some digest, artifact in input.artifacts
	some kind in artifact.kinds
}

_used[role] contains digest if {
	some digest, roles in dependency_roles
	some role in roles
}

_group(groups, key) := object.get(groups, key, set())

# METADATA
# title: Datasets
# description: Every artifact that is called a dataset, or was used as one.
datasets := _group(_claimed, "dataset") | _group(_used, "dataset")

# METADATA
# title: Models
# description: |
#   Every artifact that is called a model, or was used as one; without the base models that the settings accept
#   by digest. What is accepted never depends on the evidence at hand, so withholding some cannot help.
models := all_models - accepted

# METADATA
# title: All models
# description: The models, and the accepted base models.
all_models := (_group(_claimed, "model") | _group(_used, "model")) | _group(_used, "base-model")

# METADATA
# title: Accepted base models
# description: Digests whose training need not be known.
accepted := {digest | some digest in settings.lineage.base_models}

# METADATA
# title: Trained models
# description: Models with an admitted training statement. That there is one is the rule `lineage.stages_known`.
trained := {model | some model in models; count(of_type("training", model)) > 0}

# METADATA
# title: Owned datasets
# description: Datasets with the statement of a data owner. That there is one is the rule `data.origin_known`.
owned := {dataset | some dataset in datasets; count(ownership(dataset)) > 0}

# METADATA
# title: Ownership
# description: Admitted dataset statements about a dataset, signed under a data owner's role.
ownership(dataset) := {statement |
	some statement in of_type("dataset", dataset)
	signed_as(statement, settings.roles.data_owner)
}

# METADATA
# title: Subject
# description: The subject in a set of its own, when an admitted statement says what it is; else the empty set.
known_subject := {input.subject | count(input.artifacts[input.subject].kinds) > 0}

# METADATA
# title: Subject as image
# description: The subject in a set of its own, when it is called an image; else the empty set.
image := {input.subject | "image" in input.artifacts[input.subject].kinds}

# METADATA
# title: Short digest
# description: "The algorithm and the first twelve hex digits: enough for a person, and for a look-up by prefix."
short(digest) := concat("", [substring(digest, 0, 19), "…"])

# METADATA
# title: Name
# description: What an artifact is called by those who may name it, else by a statement that used it, else nothing.
name(digest) := given if {
	given := input.artifacts[digest].name
} else := min(_dependency_names[digest]) if {
	_dependency_names[digest]
} else := ""

# METADATA
# title: Label
# description: Name and short digest, for messages.
label(digest) := trim_space(concat(" ", [name(digest), short(digest)]))

# METADATA
# title: Path
# description: |
#   What to type for an artifact in a command: the path under which a step used it, when it is plain enough to be
#   pasted into a shell, else the full digest.
path(digest) := min(_dependency_names[digest]) if {
	regex.match(`^[A-Za-z0-9_./][A-Za-z0-9_./@+=-]*$`, min(_dependency_names[digest]))
} else := digest

_refused[[finding.type, finding.artifact]] contains finding if some finding in input.findings

# METADATA
# title: Refused evidence
# description: Notes about statements of a type that do not count for an artifact. They explain; they never judge.
refused(short_type, artifact) := {note |
	some finding in object.get(_refused, [[short_type, artifact]], set())
	note := {"note": finding.code, "values": {
		"signer": object.get(finding, "signer", "an unknown signer"),
		"text": finding.text,
		"finding": finding.code,
	}}
}
