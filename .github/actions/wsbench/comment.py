#!/usr/bin/env python3
"""Keeps one comment of a pull request up to date with the report of `wsbench compare`.

The comment is found by a marker in its first line, which a reader does not see; it is changed if it is
there and written if not. A pull request from a fork, whose token can only read, gets none: the report is in
the summary of the job. Python's standard library is enough.

Read from the environment, as GitHub Actions sets it: GITHUB_EVENT_NAME, GITHUB_EVENT_PATH,
GITHUB_REPOSITORY, GITHUB_API_URL, GITHUB_SERVER_URL, GITHUB_RUN_ID, GITHUB_RUN_ATTEMPT,
GITHUB_STEP_SUMMARY; and the token from WSBENCH_TOKEN.
"""

import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request

# GitHub refuses a longer body of a comment (in characters).
MOST_CHARS = 65_536
# Kept free for what follows a report that was cut.
RESERVE = 1_024
# Pages of comments that are searched: 100 a page.
MOST_PAGES = 100
TIMEOUT_S = 30


class Refused(Exception):
    """The API refused a request."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", required=True, help="the report, a file of Markdown")
    parser.add_argument("--name", default="compare", help="tells several comments of a pull request apart")
    parser.add_argument("--base-commit", default="", help="the commit that the base was built from")
    parser.add_argument("--head-commit", default="", help="the commit that the head was built from")
    parser.add_argument("--artifact-url", default="", help="where the folder of results can be had")
    parser.add_argument("--exit-code", default="", help="the exit code of the comparison")
    parser.add_argument("--comment", default="true", choices=["true", "false"], help="false: the summary only")
    parser.add_argument("--dry-run", action="store_true", help="print the requests, and make none")
    return parser.parse_args()


def say(level, text):
    """Prints an annotation: `notice`, `warning` or `error`."""
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{level} title=wsbench::{escaped}")


def event():
    """Returns the payload of the event that started the workflow; empty if there is none."""
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        payload = json.load(file)
    return payload if isinstance(payload, dict) else {}


def field(value, *names):
    """Returns a field of nested tables; None if one of them is absent or null."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def why_no_comment(name, payload, args, token):
    """Says why there is no comment; None if there is to be one."""
    if args.comment == "false":
        return "`comment` is false"
    if field(payload, "pull_request", "number") is None:
        return f"the event {name or 'of this run'} has no pull request"
    of, whose = field(payload, "pull_request", "head", "repo", "full_name"), repository(payload)
    if name == "pull_request" and of != whose:
        # `repo` is null if the fork is gone.
        return f"the pull request comes from {of or 'a fork'}, and its token can only read"
    if not token and not args.dry_run:
        return "there is no token"
    return None


def repository(payload):
    return os.environ.get("GITHUB_REPOSITORY") or field(payload, "repository", "full_name") or ""


def stale(payload, base_commit):
    """Says that the base which was compared is not that of the pull request; None if it is."""
    wanted = field(payload, "pull_request", "base", "sha")
    if not wanted or not base_commit or wanted.startswith(base_commit) or base_commit.startswith(wanted):
        return None
    return (
        f"**Stale baseline**: A was built from `{base_commit[:12]}`, and the base of this pull request is "
        f"`{wanted[:12]}`. What changed between them counts as a change of this pull request."
    )


def marker(name):
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", name)
    return f"<!-- wsbench:{safe} -->"


def this_run():
    """Returns run and attempt as numbers, so that an older run does not replace a later one's report."""
    number = lambda name: int(os.environ.get(name) or 0)
    return number("GITHUB_RUN_ID"), number("GITHUB_RUN_ATTEMPT")


def run_of(body):
    found = re.search(r"^<!-- run (\d+)\.(\d+) -->$", body, re.MULTILINE)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def cut(report, limit):
    """Returns the report with at most so many characters: whole lines, and every tag closed."""
    if len(report) <= limit:
        return report
    room = max(limit - RESERVE, 0)
    kept = report[:room]
    kept = kept[: kept.rfind("\n") + 1]
    for tag in ["pre", "details"]:
        open_ones = kept.count(f"<{tag}>") - kept.count(f"</{tag}>")
        kept += f"</{tag}>\n" * max(open_ones, 0)
    return kept + "\n**Cut here**: a comment has no room for more; the summary of the job has all of it.\n"


def links(args, payload):
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    parts = []
    for name, commit in [("A is", args.base_commit), ("B is", args.head_commit)]:
        if commit:
            parts.append(f"{name} `{commit[:12]}`")
    if args.artifact_url:
        parts.append(f"[all results]({args.artifact_url})")
    run, attempt = this_run()
    if run:
        address = f"{server}/{repository(payload)}/actions/runs/{run}/attempts/{attempt or 1}"
        parts.append(f"[the run]({address})")
    return " · ".join(parts)


def comment_body(args, payload, warning):
    with open(args.report, encoding="utf-8", errors="replace") as file:
        report = file.read()
    if not report.strip():
        report = (
            f"## wsbench has no report\n\n`wsbench compare` ended with exit code {args.exit_code or '?'} "
            "before there was one: its last lines are in the log of the run.\n"
        )
    first = "{}\n<!-- run {}.{} -->\n".format(marker(args.name), *this_run())
    first += f"{warning}\n\n" if warning else ""
    last = f"\n{links(args, payload)}\n"
    return first + cut(report, MOST_CHARS - len(first) - len(last)) + last


class Api:
    """The part of GitHub's REST API that is needed."""

    def __init__(self, token):
        self.base = os.environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
        self.token = token

    def call(self, method, url, body=None):
        """Returns the answer and its head."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        request.add_header("User-Agent", "wsbench-action")
        request.add_header("Authorization", f"Bearer {self.token}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return json.loads(response.read() or b"null"), response.headers
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                text = json.loads(text).get("message", text)
            except (ValueError, AttributeError):
                pass
            raise Refused(error.code, text[:300]) from error

    def next_page(self, headers):
        """Returns the address of the next page (RFC 8288), if it is one of this API: the token goes along."""
        for link in (headers.get("Link") or "").split(","):
            found = re.match(r'\s*<([^>]*)>(.*)', link)
            if found and re.search(r';\s*rel="?next"?', found[2]) and found[1].startswith(f"{self.base}/"):
                return found[1]
        return None

    def find(self, url, wanted):
        """Returns the comment with a marker in its first line; a bot's if there are several."""
        found = []
        for _ in range(MOST_PAGES):
            comments, headers = self.call("GET", url)
            for one in comments if isinstance(comments, list) else []:
                if (field(one, "body") or "").split("\n", 1)[0].strip() == wanted:
                    found.append(one)
            url = self.next_page(headers)
            if url is None:
                break
        bots = [one for one in found if field(one, "user", "type") == "Bot"]
        return (bots or found or [None])[0]


def publish(args, payload, body, token):
    """Changes the comment, or writes it. Returns a sentence."""
    api = Api(token)
    number = field(payload, "pull_request", "number")
    issues = f"{api.base}/repos/{urllib.parse.quote(repository(payload))}/issues"
    listed = f"{issues}/{int(number)}/comments?per_page=100"
    create = f"{issues}/{int(number)}/comments"
    if args.dry_run:
        change = f"{issues}/comments/{{id}}"
        condition = f"a comment begins with {marker(args.name)}"
        show("GET", listed)
        show("PATCH", change, body, f"if {condition}")
        show("POST", create, body, f"unless {condition}")
        return "nothing was sent: --dry-run"
    found = api.find(listed, marker(args.name))
    if found is None:
        api.call("POST", create, {"body": body})
        return "the comment was written"
    if run_of(found["body"]) > this_run():
        return "the comment is of a later run, and was left as it is"
    api.call("PATCH", f"{issues}/comments/{int(found['id'])}", {"body": body})
    return "the comment was changed"


def show(method, url, body=None, condition=None):
    request = {"method": method, "url": url}
    if body is not None:
        request["body"] = {"body": body}
    if condition is not None:
        request["condition"] = condition
    print(json.dumps(request, ensure_ascii=False))


def summarise(text):
    """Adds to the summary of the job."""
    path = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")


def main():
    args = arguments()
    name, payload = os.environ.get("GITHUB_EVENT_NAME", ""), event()
    token = os.environ.get("WSBENCH_TOKEN", "")
    warning = stale(payload, args.base_commit)
    if warning:
        say("warning", warning.replace("**", "").replace("`", ""))
        summarise(warning)
    why = why_no_comment(name, payload, args, token)
    if why:
        say("notice", f"no comment: {why}. The report is in the summary of the job")
        return 0
    try:
        said = publish(args, payload, comment_body(args, payload, warning), token)
        print(said, file=sys.stderr)
    except Refused as refused:
        remedy = " Give the job `permissions: pull-requests: write`." if refused.status in (401, 403, 404) else ""
        say("warning", f"no comment: the API answered {refused}.{remedy} The report is in the summary of the job")
    except (OSError, ValueError) as error:
        say("warning", f"no comment: {error}. The report is in the summary of the job")
    return 0


if __name__ == "__main__":
    sys.exit(main())
