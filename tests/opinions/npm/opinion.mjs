// Reads questions as JSON lines, answers each with one JSON line: what @sigstore/verify says of a bundle.
//
//   {"bundle": base64, "root": base64 | null, "artifact": base64 | null, "key": PEM | null,
//    "identity": text | null, "issuer": text | null, "logged": bool}
//   -> {"accepts": bool, "reason": text}
//
// It stands beside no node_modules: the folder that holds them is its argument.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.argv[2]}/package.json`);
const { bundleFromJSON } = require("@sigstore/bundle");
const { TrustedRoot } = require("@sigstore/protobuf-specs");
const { Verifier, toSignedEntity, toTrustMaterial } = require("@sigstore/verify");
const { createPublicKey } = require("node:crypto");

const NO_ROOT = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };

const bytes = (text) => Buffer.from(text, "base64");

// It takes a pattern; its own words for an exact match are an anchored one.
const exactly = (text) => `^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;

function material(question) {
  const root = question.root === null ? NO_ROOT : TrustedRoot.fromJSON(JSON.parse(bytes(question.root)));
  return toTrustMaterial(root, () => {
    if (question.key === null) throw new Error("the bundle is signed by a key, and a certificate is expected");
    return { publicKey: createPublicKey(question.key), validFor: () => true };
  });
}

function ask(question) {
  const bundle = bundleFromJSON(JSON.parse(bytes(question.bundle)));
  const artifact = question.artifact === null ? undefined : bytes(question.artifact);
  const trusted = material(question);
  // What this root can vouch for is asked for; a key needs neither a log nor a time.
  const byKey = question.key !== null;
  const verifier = new Verifier(trusted, {
    tlogThreshold: question.logged ? 1 : 0,
    timestampThreshold: byKey ? 0 : 1,
    ctlogThreshold: byKey || (!question.logged && trusted.ctlogs.length === 0) ? 0 : 1,
  });
  const policy = byKey
    ? undefined
    : { subjectAlternativeName: exactly(question.identity), extensions: { issuer: question.issuer } };
  const signer = verifier.verify(toSignedEntity(bundle, artifact), policy);
  // It takes the signer that the bundle names: whether that is a key or a certificate is for its caller to see.
  if (byKey && signer.identity) throw new Error("the bundle is signed with a certificate, and a key is expected");
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer = { accepts: true, reason: "" };
  try {
    ask(JSON.parse(line));
  } catch (error) {
    answer = { accepts: false, reason: `${error.code ?? error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
