"""Unit conversion over HTTP."""

from fastapi import FastAPI, HTTPException

app = FastAPI()
METRES = {"metre": 1.0, "foot": 0.3048, "mile": 1609.344}


@app.get("/")
def units():
    return {"units": sorted(METRES)}


@app.get("/convert/{amount}/{source}/{target}")
def convert(amount: float, source: str, target: str):
    if source not in METRES or target not in METRES:
        raise HTTPException(404, "unknown unit")
    return {"amount": amount * METRES[source] / METRES[target]}
