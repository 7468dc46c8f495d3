"""``commentsvc user`` and ``commentsvc role``: accounts, and what they may do where."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from commentsvc.accounts.api_keys import revoke_keys
from commentsvc.accounts.audit import record, record_by_command
from commentsvc.accounts.factors import reset_factors
from commentsvc.accounts.identity import check_email, clean_name
from commentsvc.accounts.invitations import invite
from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import check_password, hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import GRANTED, find_user_by_email, grant_role
from commentsvc.accounts.sessions import end_sessions
from commentsvc.errors import Conflict, NotFound
from commentsvc.extensions import db
from commentsvc.sites.articles import get_site


@click.group()
def user() -> None:
    """Create accounts, and sign them out."""


@user.command()
@click.argument("email")
@click.option("--name", required=True, help="As readers see it.")
@click.password_option(help="Asked for when not given; in COMMENTSVC_PASSWORD for scripts.", envvar="COMMENTSVC_PASSWORD")
@with_appcontext
def create(email: str, name: str, password: str) -> None:
    """Create an account for EMAIL, which counts as verified."""
    address, display_name = check_email(email), clean_name(name)
    check_password(password, inputs=[address, display_name])
    hashed = hash_password(password)
    if find_user_by_email(address) is not None:
        raise Conflict(f"There is an account for {address} already.")
    made = User(email=address, display_name=display_name, password_hash=hashed)
    db.session.add(made)
    db.session.flush()
    record(None, "account.created", subject=f"user:{made.id}")
    db.session.commit()
    click.echo(f"Created an account for {address}. Next: commentsvc role grant {address} admin --site KEY")


@user.command(name="signout")
@click.argument("email", required=False)
@click.option("--everybody", is_flag=True, help="All accounts, in place of one.")
@click.option("--keys", is_flag=True, help="End API keys too.")
@with_appcontext
def sign_out(email: str | None, *, everybody: bool, keys: bool) -> None:
    """End the sessions of EMAIL on all devices: after a lost laptop, or when somebody leaves."""
    if (email is None) != everybody:
        raise click.UsageError("Name one address, or say --everybody.")
    found = None if email is None else find_user_by_email(email)
    if email is not None and found is None:
        raise NotFound(f"There is no account for {email}.")
    ended = end_sessions(found)
    revoked = revoke_keys(found) if keys else 0
    if found is None:
        record(None, "sessions.ended", sessions=ended, keys=revoked)
    else:
        record_by_command(found, "sessions.ended", sessions=ended, keys=revoked)
    db.session.commit()
    click.echo(f"Ended {ended} sessions{f' and {revoked} keys' if keys else ''}.")


@user.command(name="resetfactors")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def reset_second_factors(email: str, *, yes: bool) -> None:
    """Take every second factor off the account of EMAIL, who lost them all, and sign it out everywhere.

    The password alone signs in then. Be sure who asks: the audit log keeps that this was done.
    """
    found = find_user_by_email(email)
    if found is None:
        raise NotFound(f"There is no account for {email}.")
    if not yes:
        click.confirm(f"Take authenticator app, passkeys and recovery codes off {found.email}?", abort=True)
    reset_factors(found)
    end_sessions(found)
    db.session.commit()
    click.echo(f"{found.email} signs in with the password alone, until a second factor is set up again.")


@click.group()
def role() -> None:
    """Grant roles on a site."""


@role.command()
@click.argument("email")
@click.argument("role_name", metavar="ROLE", type=click.Choice([r.value for r in GRANTED]))
@click.option("--site", "key", required=True, help="The site's key.")
@with_appcontext
def grant(email: str, role_name: str, key: str) -> None:
    """Make EMAIL expert, community_manager or admin of a site, in place of any other role there."""
    found = find_user_by_email(email)
    if found is None:
        raise NotFound(f"There is no account for {email}. Make one: commentsvc user create {email} --name NAME, or: commentsvc role invite {email} {role_name} --site {key}")
    grant_role(get_site(key), found, Role(role_name))
    db.session.commit()
    click.echo(f"{found.email} is now {role_name} of {key}.")


@role.command(name="invite")
@click.argument("email")
@click.argument("role_name", metavar="ROLE", type=click.Choice([r.value for r in GRANTED]))
@click.option("--site", "key", required=True, help="The site's key.")
@with_appcontext
def send_invitation(email: str, role_name: str, key: str) -> None:
    """Mail EMAIL an invitation to be expert, community_manager or admin of a site; without an account, one is made on the way."""
    invited = invite(get_site(key), email, Role(role_name))
    db.session.commit()
    click.echo(f"An invitation to {invited.email} is on its way, good until {invited.expires_at:%Y-%m-%d %H:%M} UTC.")
