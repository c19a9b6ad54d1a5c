"""The quickstart: a real model, from signed evidence through OPA to an admission decision and a log that proves it.

`make demo` runs it. It works in `.demo/` beside the checkout's README, which it makes anew each time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import sysconfig
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from story import Story, StoryError  # noqa: E402 - run as a script from anywhere

GATE = "promote/production"


def main() -> int:
    """Tell the whole story; 0 when everything was as told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=CHECKOUT / ".demo", help="where to work; made anew")
    folder = parser.parse_args().folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    story = Story(folder, Path(sysconfig.get_path("scripts")))
    began = time.monotonic()
    try:
        project = begin(story)
        pipeline(story)
        decision = judge(story)
        attacks(story, project)
        service(story, project)
        auditor(story, project, decision)
    except StoryError as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    farewell(story, time.monotonic() - began)
    return 0


def begin(story: Story) -> Path:
    """A project, five people with a key each, and the rules of who may say what."""
    story.chapter("1. A project, and who may say what")
    story.run("placet init churn")
    project = story.folder / "churn"
    story.folder = project
    for name in ("data-owner", "evaluator", "approver", "intern"):
        story.run(f"placet key new {name}", show=False)
    story.say("Five keys, five people. trust.yaml says which role each has, and which role may say what.")
    shutil.copytree(HERE / "project", project, dirs_exist_ok=True)
    shutil.copy(CHECKOUT / "requirements" / "dev.txt", project / "requirements.lock")
    story.run("placet trust check")
    story.run("placet trust explain")
    return project


def pipeline(story: Story) -> None:
    """Ingest, split, train, package: each step runs under `placet record`, which signs what happened."""
    story.chapter("2. A real model, trained on real data, every step recorded")
    story.run(
        "placet record --step ingest --code export_data.py --lock requirements.lock"
        " --output data/raw.csv,name=breast-cancer-raw -- python export_data.py"
    )
    story.run(
        "placet record --step preprocess --input data/raw.csv --code split.py --lock requirements.lock"
        " --param test_size=0.2 --seed split=7 --output data/train.csv,name=breast-cancer-train"
        " --output data/test.csv,name=breast-cancer-test -- python split.py"
    )
    story.run(
        "placet record --step train --input data/train.csv --code train.py --lock requirements.lock"
        " --param C=1.0 --param max_iter=1000 --seed numpy=7"
        " --output model.joblib,name=tumour-classifier,alias=tumour-classifier@1.0 -- python train.py"
    )
    story.run(
        "placet record --step package --input model.joblib=model --input serve.py=code --code package.py"
        " --output oci-layout:image,name=tumour-server -- python package.py"
    )
    story.say("The model answers the test rows; the evaluator will measure what it said.")
    story.run("python predict.py")


def judge(story: Story) -> str:
    """The gate says no, and what to do; the right people do it; the gate says yes."""
    story.chapter("3. May it go to production? Not yet")
    denied = story.run(f"placet gate {GATE} model.joblib", expect=1)
    story.must_say(denied, "data.origin_known")
    story.must_say(denied, "change.approved")
    story.chapter("4. The right people say what is missing")
    story.run("placet attest dataset data/raw.csv --from dataset-raw.yaml --as data-owner")
    story.run("placet attest dataset data/train.csv --from dataset-train.yaml --as data-owner")
    story.run("placet measure splits --train data/train.csv --test data/test.csv --ignore id --as evaluator")
    story.run(
        "placet measure evaluation --model model.joblib --labels data/test.csv --label-column target"
        " --predictions predictions.csv --prediction-column prediction --as evaluator"
    )
    story.run(f"placet approve {GATE} model.joblib --ticket CHG-1042 --as approver")
    story.run(f"placet approve {GATE} oci-layout:image --ticket CHG-1042 --as approver")
    story.chapter("5. The gate says yes, for the model and for the image")
    story.run("placet lineage oci-layout:image")
    allowed = story.run(f"placet gate {GATE} model.joblib --context ticket=CHG-1042")
    story.must_say(allowed, "PLACET")
    story.run(f"placet gate {GATE} oci-layout:image")
    document = json.loads(story.run("placet log list --json --limit 1", show=False))
    return str(document[0]["decision"])


def attacks(story: Story, project: Path) -> None:
    """Four attacks, four refusals."""
    story.chapter("6. Somebody changes one byte of the model, and hides it")
    model = project / "model.joblib"
    before, times = model.read_bytes(), model.stat()
    changed = bytearray(before)
    changed[len(changed) // 2] ^= 1
    model.write_bytes(bytes(changed))
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    story.say(f"byte {len(changed) // 2} of model.joblib flipped; size and mtime are as before")
    story.must_say(story.run(f"placet gate {GATE} model.joblib", expect=1), "lineage.subject_known")
    model.write_bytes(before)

    story.chapter("7. Somebody approves what he asked for himself")
    own = story.run(f"placet gate {GATE} model.joblib --as approver", expect=1)
    story.must_say(own, "its principal is the requester")

    story.chapter("8. Somebody without the role signs")
    refused = story.run("placet attest dataset data/test.csv --from dataset-train.yaml --as intern", expect=1)
    story.must_say(refused, "trust.role_missing")

    story.chapter("9. A pull request gives the developer the approver's role")
    pin = story.run("placet trust digest", where=None).strip().splitlines()[-1]
    trust = project / "trust.yaml"
    honest = trust.read_text(encoding="utf-8")
    trust.write_text(
        honest.replace("roles: [builder, trainer]", "roles: [builder, trainer, approver]"), encoding="utf-8"
    )
    story.say("trust.yaml: roles: [builder, trainer]  ->  roles: [builder, trainer, approver]")
    output = story.run(
        f"placet gate {GATE} model.joblib", expect=2, told={"CI": "true", "PLACET_ANCHORS": pin}
    )
    story.must_say(output, "trust.changed")
    trust.write_text(honest, encoding="utf-8")
    story.run(f"placet gate {GATE} model.joblib", told={"CI": "true", "PLACET_ANCHORS": pin})


def service(story: Story, project: Path) -> None:
    """The same house behind HTTP: a job that has the model and a token, and neither store nor key."""
    story.chapter("10. A job elsewhere asks a service")
    told = story.run("placet token new ci@example.org --role gate", show=False)
    token = next(line for line in told.splitlines() if line.startswith("placet_"))
    job = project.parent / "job"
    job.mkdir()
    shutil.copy(project / "model.joblib", job / "model.joblib")
    (job / "other.joblib").write_text("nobody vouched for this")
    with story.serving("placet serve --listen 127.0.0.1:0") as url:
        story.say(
            "The job has the model and a token (PLACET_TOKEN); it has neither store, nor trust.yaml, nor a key."
        )
        story.environment = {"PLACET_TOKEN": token}
        ask = f"placet --server {url} gate {GATE}"
        story.must_say(story.run(f"{ask} model.joblib", where=job), "PLACET")
        denied = story.run(f"{ask} other.joblib --output github", where=job, expect=1)
        story.must_say(denied, "lineage.subject_known")
        story.environment = {"PLACET_TOKEN": token[:-4] + "0000"}
        story.must_say(story.run(f"{ask} model.joblib", where=job, expect=2), "access.unknown")
    story.environment = {}
    story.say("The service ended; what it decided stands in the same log.")


def auditor(story: Story, project: Path, decision: str) -> None:
    """The log is whole; one decision is proved elsewhere, offline; then the log is tampered with, and tells."""
    story.chapter("11. Months later: an auditor")
    story.run("placet log list")
    story.must_say(story.run("placet log verify"), "whole")
    desk = project.parent / "auditor"
    desk.mkdir()
    shutil.copy(project / ".placet" / "receipts" / f"{decision}.placet-proof", desk / "decision.placet-proof")
    shutil.copy(project / "log.pub", desk / "log.pub")
    story.say("The auditor has a receipt and, from another hand, the log's public key; nothing else.")
    story.run("placet log check decision.placet-proof --log-key log.pub", where=desk)
    story.run("placet log check decision.placet-proof", where=desk, expect=2)

    story.chapter("12. Somebody changes one byte of the log's database")
    entry = flip_verdict(project / ".placet" / "placet.db")
    story.say(f"in the row of entry {entry}: one byte of its leaf flipped")
    story.must_say(story.run("placet log verify", expect=1), f"entry {entry}")


def flip_verdict(database: Path) -> int:
    """Flip one bit of the leaf of the newest decision, straight in the database; returns the entry's index."""
    import sqlite3

    connection = sqlite3.connect(database)
    index, leaf = connection.execute(
        "SELECT idx, leaf FROM log_entry WHERE verdict = 'deny' ORDER BY idx DESC LIMIT 1"
    ).fetchone()
    changed = bytearray(leaf)
    changed[len(changed) // 2] ^= 1
    connection.execute("UPDATE log_entry SET leaf = ? WHERE idx = ?", (bytes(changed), index))
    connection.commit()
    connection.close()
    return int(index)


def farewell(story: Story, seconds: float) -> None:
    """The three next steps."""
    story.chapter("Where to go from here")
    story.say(
        "CI:         pin the anchors (placet trust digest), then  placet gate GATE ARTIFACT --output junit=placet.xml"
    )
    story.say(
        "            exit 0 promotes; 1 denies, 2 is a wrong call, 3 could not evaluate: none of them promotes"
    )
    story.say(
        "Kubernetes: package the model with provenance as above; placet serve is the admission webhook, too"
    )
    story.say("            (kubernetes.listen; manifests in examples/kubernetes)")
    story.say(
        "Auditor:    keep log.pub apart from the store;  placet log verify,  placet log check RECEIPT --log-key log.pub"
    )
    print(f"\n{story.commands} commands, every one ended as told, in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
