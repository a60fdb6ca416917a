"""Addresses are those of a server in this process, commands those of the shell."""

import http.server
import json
import os
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad_doctor import notify
from sad_doctor.example import parse
from sad_doctor.finding import Finding, Level, Story
from sad_doctor.notify import Notifier, environment, is_address, message, post, shown

RUN = replace(parse("steps: 4\ntrain/loss: 9 -> 8"), name="mine")
FINDING = Finding("R101", "weights-frozen", Level.ERROR, "Frozen: 51.7.", ("a", "b"), "why", "do", 1.0, 4.0, {"n": 2.0})
STORY = Story(FINDING, (replace(FINDING, rule="R102", name="learning-rate-zero"),))


class Server(http.server.ThreadingHTTPServer):
    """Answers ``code`` after ``seconds`` to every POST, and keeps what it got."""

    def __init__(self, code=204, seconds=0.0):
        self.got, self.code, self.seconds, self.methods, self.next_codes = [], code, seconds, [], []
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/services/SECRET?token=SECRET"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.methods.append(self.command)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append((self.headers["Content-Type"], json.loads(body or b"null")))
        time.sleep(self.server.seconds)
        code = self.server.next_codes.pop(0) if self.server.next_codes else self.server.code
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", self.path)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    started = []

    def start(**how):
        started.append(Server(**how))
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def send(*targets, stories=(STORY,), seconds=10.0):
    said = []
    notifier = Notifier(targets, said.append)
    for story in stories:
        notifier.tell(RUN, story)
    notifier.close(seconds)
    return said


def test_an_address_gets_one_post_of_small_json_for_each_story(serve):
    server = serve()
    assert send(server.address, stories=(STORY, Story(replace(FINDING, rule="R203")))) == []
    (kind, first), (_, second) = server.got
    assert kind == "application/json"
    assert (first["event"], first["schema"]) == ("red_flag", notify.SCHEMA)
    assert (first["finding"]["rule"], second["finding"]["rule"]) == ("R101", "R203")
    assert [one["rule"] for one in first["consequences"]] == ["R102"]
    assert first["run"] == {
        "name": "mine",
        "format": "example",
        "path": "example",
        "status": "unknown",
        "last_step": 4,
        "total_steps": None,
    }
    assert first["text"].splitlines()[:2] == ["sad doctor, mine at step 4: ERROR R101 weights-frozen", "Frozen: 51.7."]
    assert len(json.dumps(first)) < 4000


def test_the_text_calls_nobody_and_is_no_markup_whatever_a_log_says():
    told = message(RUN, Story(replace(FINDING, headline="<!channel> @everyone <script> & \x1b[31m" + "x" * 3000)))
    assert not set("<>@\x1b") & set(told["text"])
    assert "&lt;!channel&gt; ＠everyone" in told["text"]
    assert told["allowed_mentions"] == {"parse": []}
    assert len(told["content"]) <= 2000


@given(st.text("a<@'\\\0\n\r\x1b[\x9b\u202e\u2028é\ud800🙂", max_size=80), st.floats())
def test_a_message_is_strict_json_and_its_variables_are_lines(text, number):
    finding = replace(FINDING, headline=text, cause=text, numbers={"n": number})
    told = message(replace(RUN, name=text), Story(finding))
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    for value in environment(replace(RUN, name=text), finding).values():
        assert "\n" not in value
        assert "\0" not in value
        value.encode()


@pytest.mark.parametrize(
    ("how", "problem"),
    [({"code": 404}, "it answered 404 Not Found"), ({"code": 302}, "it answered 302 Found")],
)
def test_an_address_that_refuses_is_one_line_without_its_secret(serve, how, problem):
    server = serve(**how)
    (line,) = send(server.address, stories=(STORY, STORY))
    assert line == f"--notify http://127.0.0.1:{server.server_port}/…: {problem}"
    assert server.methods == ["POST", "POST"]


def test_an_address_that_does_not_answer_is_given_up(serve):
    server = serve(seconds=1.0)
    assert post(server.address, message(RUN, STORY), seconds=0.1) == "no answer within 0.1 seconds"


def test_nobody_waits_for_an_address_that_does_not_answer(serve):
    server = serve(seconds=30.0)
    started = time.monotonic()
    notifier = Notifier([server.address], (said := []).append)
    notifier.tell(RUN, STORY)
    notifier.close(0.1)
    assert time.monotonic() - started < 10
    assert said == ["--notify: not everything could be sent within 0.1 seconds"]


def test_an_address_where_nobody_is_does_not_keep_the_others_from_it(serve):
    server, gone = serve(), serve()
    gone.shutdown()
    gone.server_close()
    (line,) = send(gone.address, server.address)
    assert "cannot be reached: " in line
    assert len(server.got) == 1


def test_a_target_that_works_again_may_fail_again_aloud(serve):
    server = serve(code=500)
    server.next_codes = [500, 500, 204]
    assert len(send(server.address, stories=[STORY] * 4)) == 2
    assert len(server.got) == 4


def test_a_command_gets_the_finding_as_variables_and_the_message_as_input(tmp_path):
    script = tmp_path / "tell.py"
    script.write_text(
        "import json, os, sys\n"
        "told = json.load(sys.stdin)\n"
        "names = ('RULE', 'NAME', 'LEVEL', 'HEADLINE', 'CAUSE', 'REMEDY', 'RUN', 'RUN_NAME', 'STEP')\n"
        "row = [os.environ['SAD_' + name] for name in names]\n"
        "open(sys.argv[1], 'a').write(json.dumps([told['finding']['rule'], row]) + '\\n')\n"
    )
    out = tmp_path / "told.jsonl"
    assert send(f'"{sys.executable}" "{script}" "{out}"', stories=(STORY, STORY)) == []
    row = ["R101", "weights-frozen", "error", "Frozen: 51.7.", "why", "do", "example", "mine", "4"]
    assert [json.loads(line) for line in out.read_text().splitlines()] == [["R101", row]] * 2


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
def test_what_a_log_says_is_never_run(tmp_path):
    mark, out = tmp_path / "run", tmp_path / "out"
    evil = replace(FINDING, headline=f"$(touch {mark}) `touch {mark}`; touch {mark} '\" && touch {mark}")
    assert send(f'echo "$SAD_HEADLINE" > "{out}"', stories=(Story(evil),)) == []
    assert out.read_text().strip() == evil.headline
    assert not mark.exists()


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
def test_a_command_that_fails_is_one_line_and_prints_nothing_else(capfd):
    (line,) = send("echo noise; printf 'first\\nthe \\033[31mreason' >&2; exit 3")
    assert line.endswith("exit code 3: the reason")
    (line,) = send("no-such-command-here")
    assert "exit code 127: " in line
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
def test_a_command_that_goes_on_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(notify, "COMMAND_SECONDS", 0.2)
    mark = tmp_path / "mark"
    (line,) = send(f'(sleep 2; touch "{mark}") & wait')
    assert line.endswith("still running after 0.2 seconds, so it was ended")
    time.sleep(2)
    assert not mark.exists()


def test_without_a_target_there_is_no_thread():
    before = threading.active_count()
    assert send() == []
    assert threading.active_count() == before


@pytest.mark.parametrize("target", ["ftp://host/x", "https://", "http:///x", "http://a b/", "https://[", "", "  "])
def test_what_is_no_target_is_refused(target):
    with pytest.raises(ValueError, match="--notify"):
        is_address(target)


def test_addresses_and_commands_are_told_apart():
    assert is_address("https://hooks.example.org/services/T0/B0/X")
    assert is_address("HTTP://localhost:8080")
    assert not is_address("./tell.sh --to=https://example.org")
    assert shown("https://user:word@hooks.example.org/services/T0?x=1") == "https://hooks.example.org/…"
    assert shown("mail -s alarm me") == "mail -s alarm me"
