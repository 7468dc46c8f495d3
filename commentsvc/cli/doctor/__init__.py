"""``commentsvc doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict

import click

from commentsvc.cli.doctor.configuration import (
    check_address,
    check_metrics,
    check_secret_key,
    check_settings,
    read_settings,
)
from commentsvc.cli.doctor.findings import Check, Finding, Level, Patient, problem
from commentsvc.cli.doctor.machine import check_disk, check_folder, check_model
from commentsvc.cli.doctor.stores import (
    Unreadable,
    check_clock,
    check_hosts,
    check_integrity,
    check_redis,
    check_tables,
    read_health,
    reading,
)
from commentsvc.cli.doctor.work import check_backlog, check_mail, check_sites, check_worker
from commentsvc.errors import name_of

CHECKS: Mapping[str, Check] = {
    "settings": check_settings,
    "secret key": check_secret_key,
    "folder": check_folder,
    "disk": check_disk,
    "address": check_address,
    "metrics": check_metrics,
    "tables": check_tables,
    "integrity": check_integrity,
    "clock": check_clock,
    "redis": check_redis,
    "hosts": check_hosts,
    "model": check_model,
    "worker": check_worker,
    "backlog": check_backlog,
    "mail": check_mail,
    "sites": check_sites,
}
WIDTH = max(map(len, CHECKS))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Look at everything, change nothing, and say what is wrong and what to do.

    Ends with 0 when nothing is wrong, else with 1. Run it as the user, and with the settings, of the
    service. It works without the service, and without its database.
    """
    found = list(examine(os.environ))
    problems = sum(finding.level == Level.PROBLEM for _, finding in found)
    if as_json:
        rows = [{"check": name, **asdict(finding)} for name, finding in found]
        click.echo(json.dumps({"status": "problems" if problems else "fine", "findings": rows}, indent=2))
    else:
        for name, finding in found:
            click.echo(f"{finding.level:<8} {name:<{WIDTH}}  {finding.message}")
            if finding.action:
                click.echo(f"{'':<9}{'':<{WIDTH}}  → {finding.action}")
        click.echo()
        click.echo(f"{problems} problem{'' if problems == 1 else 's'}." if problems else "Nothing is wrong.")
    ctx.exit(1 if problems else 0)


def examine(environ: Mapping[str, str]) -> Iterator[tuple[str, Finding]]:
    """Every finding, with the name of its check."""
    settings, _ = read_settings(environ)
    patient = Patient(settings, environ)
    with ExitStack() as stack:
        try:
            app = stack.enter_context(reading(settings))
            patient = Patient(settings, environ, app, read_health(settings))
        except Unreadable as unreadable:
            yield "database", unreadable.finding
        except Exception as error:  # noqa: BLE001 - an address that no driver understands; the other checks go on
            yield "database", problem(f"The database cannot be asked: {name_of(error)}.", "Correct COMMENTSVC_DATABASE_URL.")
        for name, check in CHECKS.items():
            try:
                yield from ((name, finding) for finding in check(patient))
            except Exception as error:  # noqa: BLE001 - one check that fails must not hide what the others find
                yield name, problem(f"This could not be looked at: {name_of(error)}.", "Look at the other findings first, then report this.")
