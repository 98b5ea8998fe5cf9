"""A word counter over HTTP."""

from collections import Counter

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/")
def home():
    return jsonify(name="word counter", usage="POST a text to /count")


@app.get("/health")
def health():
    return jsonify(status="good")


@app.post("/count")
def count():
    words = request.get_data(as_text=True).split()
    return jsonify(Counter(words))


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
