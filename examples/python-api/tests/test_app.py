from app import app


def test_words_are_counted():
    answer = app.test_client().post("/count", data="red green red")
    assert answer.get_json() == {"red": 2, "green": 1}


def test_health():
    assert app.test_client().get("/health").get_json() == {"status": "good"}
