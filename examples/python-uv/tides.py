"""Tables of tides: high water comes about twelve hours and twenty-five minutes after the last one."""

from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

PERIOD = timedelta(hours=12, minutes=25)


def high_waters(first: datetime, count: int) -> list[datetime]:
    """The times of high water from the first one on."""
    return [first + number * PERIOD for number in range(count)]


def table(request: Request) -> JSONResponse:
    first = datetime.fromisoformat(request.path_params["first"])
    return JSONResponse({"high": [time.isoformat() for time in high_waters(first, 3)]})


app = Starlette(routes=[Route("/{first}", table)])
