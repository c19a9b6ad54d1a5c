"""Train: a logistic regression, with the recorded parameters and seed, written as one file."""

import json
import os

import joblib
import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

parameters = json.loads(os.environ["PLACET_PARAMETERS"])
seeds = json.loads(os.environ["PLACET_SEEDS"])
numpy.random.seed(seeds["numpy"])

table = numpy.loadtxt("data/train.csv", delimiter=",", skiprows=1)
model = make_pipeline(
    StandardScaler(),
    LogisticRegression(C=parameters["C"], max_iter=parameters["max_iter"], random_state=seeds["numpy"]),
)
model.fit(table[:, 1:-1], table[:, -1])
joblib.dump(model, "model.joblib")
print(f"model.joblib: trained on {len(table)} rows")
