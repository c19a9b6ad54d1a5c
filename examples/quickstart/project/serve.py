"""The server that goes into the image beside the model: reads rows on standard input, writes classes."""

import sys

import joblib

model = joblib.load("model.joblib")
for line in sys.stdin:
    print(int(model.predict([[float(value) for value in line.split(",")]])[0]))
