"""Every route, asked by every role: one table says who may, and a route missing from it fails."""

from __future__ import annotations

import contextvars
import re
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commentsvc.accounts.invitations import invite
from commentsvc.accounts.models import BioState, Profile, User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.public_ids import public_id
from commentsvc.accounts.sessions import COOKIE, FRAMED_COOKIE, start_session
from commentsvc.accounts.sso import add_key, set_sso
from commentsvc.comments.models import Status
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.appeals import lodge
from commentsvc.moderation.decide import approve
from commentsvc.moderation.desk import add_note as add_comment_note
from commentsvc.moderation.desk import ask
from commentsvc.moderation.filters import Filters
from commentsvc.moderation.models import Reason
from commentsvc.moderation.notes import add_note
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import impose
from commentsvc.moderation.saved import make_group, save_filter
from commentsvc.moderation.settings import first_version
from commentsvc.moderation.statements import live_statement
from commentsvc.moderation.sweeps import start_sweep
from commentsvc.screening.policy import Policy
from tests.factories import make_article, make_comment, make_site, make_user
from tests.kept import filled

# stranger: admin of another site; neighbour: community manager of another site
ROLES = ("anonymous", "member", "expert", "community_manager", "admin", "stranger", "neighbour")
EVERYONE = frozenset(ROLES)
SIGNED_IN = EVERYONE - {"anonymous"}
MANAGERS = frozenset({"community_manager", "admin"})
ADMINS = frozenset({"admin"})
NOBODY: frozenset[str] = frozenset()  # it is somebody else's own

# (endpoint, method) -> (address, who gets past the door, form fields)
PAGES: dict[tuple[str, str], tuple[str, frozenset[str], dict[str, str]]] = {
    ("static", "GET"): ("/static/tokens.css", EVERYONE, {}),
    ("favicon", "GET"): ("/favicon.ico", EVERYONE, {}),
    ("healthz", "GET"): ("/healthz", EVERYONE, {}),
    ("readyz", "GET"): ("/readyz", EVERYONE, {}),
    ("security_txt", "GET"): ("/.well-known/security.txt", NOBODY, {}),  # no contact is set: tests/security/test_headers.py
    ("metrics", "GET"): ("/metrics", NOBODY, {}),  # for a token that is nobody's account: tests/metrics
    ("demo.front", "GET"): ("/demo/", EVERYONE, {}),
    ("demo.article", "GET"): ("/demo/the-wall-at-old-quay", EVERYONE, {}),
    ("demo.static", "GET"): ("/demo/static/courier.css", EVERYONE, {}),
    ("loader.embed_script", "GET"): ("/embed.js", EVERYONE, {}),
    ("loader.counts_script", "GET"): ("/counts.js", EVERYONE, {}),
    ("loader.asset", "GET"): ("/embed/assets/x/widget.js", EVERYONE, {}),
    # The Perspective-compatible API: scoring is for keys, never for cookies (tests/perspective/test_keys.py)
    ("perspective.discovery", "GET"): ("/$discovery/rest?version=v1alpha1", EVERYONE, {}),
    ("perspective.analyze", "POST"): ("/v1alpha1/comments:analyze", NOBODY, {}),
    ("perspective.suggestscore", "POST"): ("/v1alpha1/comments:suggestscore", NOBODY, {}),
    ("perspective.batch", "POST"): ("/batch", EVERYONE, {}),  # its parts need keys
    **{("perspective.nothing_else", method): ("/v1alpha1/x", NOBODY, {}) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")},
    # The widget: reading is for all, acting for those signed in, accounts for all
    ("embed.thread", "GET"): ("/embed/{site}/thread?url=https://news.example/a", EVERYONE, {}),
    ("embed.counts", "GET"): ("/embed/{site}/counts?url=https://news.example/a", EVERYONE, {}),
    ("embed.failure_words", "GET"): ("/embed/{site}/words?lang=de", EVERYONE, {}),
    ("embed.atom", "GET"): ("/embed/{site}/feed.atom", EVERYONE, {}),
    ("embed.json_feed", "GET"): ("/embed/{site}/feed.json", EVERYONE, {}),
    ("embed.news", "GET"): ("/embed/a/{article}/news?since=0", EVERYONE, {}),
    ("embed.me", "GET"): ("/embed/{site}/articles/{article}/me", EVERYONE, {}),
    ("embed.article", "GET"): ("/embed/a/{article}", EVERYONE, {}),
    ("embed.managers", "GET"): ("/embed/a/{article}/managers", EVERYONE, {}),
    ("embed.fragment", "GET"): ("/embed/{site}/fragment?url=https://news.example/a", EVERYONE, {}),
    ("embed.account_fragment", "GET"): ("/embed/a/{article}/account/sign-in", EVERYONE, {}),
    ("embed.comment", "GET"): ("/embed/c/{comment}", EVERYONE, {}),
    ("embed.context", "GET"): ("/embed/comments/{comment}/context", EVERYONE, {}),
    ("embed.replies", "GET"): ("/embed/comments/{comment}/replies", EVERYONE, {}),
    ("embed.state", "GET"): ("/embed/comments/{held}/state", NOBODY, {}),
    ("embed.sign_up", "POST"): ("/embed/a/{article}/sign-up", EVERYONE, {}),
    ("embed.check_code", "POST"): ("/embed/a/{article}/code", EVERYONE, {"handle": "x", "code": "1"}),
    ("embed.resend", "POST"): ("/embed/a/{article}/resend", EVERYONE, {"handle": "x"}),
    ("embed.guest", "POST"): ("/embed/a/{article}/guest", EVERYONE, {"display_name": "Gil", "email": "gil@example.org", "body": "Hello."}),
    ("account.guest_form", "GET"): ("/account/guest/x", EVERYONE, {}),
    ("account.confirm_guest", "POST"): ("/account/guest/x", EVERYONE, {}),
    ("embed.take_hand_over", "POST"): ("/embed/a/{article}/hand-over", EVERYONE, {"code": "x", "secret": "x"}),
    ("embed.arrive", "GET"): ("/embed/a/{article}/arrive", EVERYONE, {}),
    ("embed.arrive", "POST"): ("/embed/a/{article}/arrive", EVERYONE, {}),
    ("embed.publisher_token", "POST"): ("/embed/a/{article}/sso", EVERYONE, {"token": ""}),
    # No provider is configured here: tests/journeys/test_identity_providers.py
    ("account.external_sign_in", "GET"): ("/account/external/x", NOBODY, {}),
    ("account.external_link", "POST"): ("/account/external/x/link", NOBODY, {}),
    ("account.external_callback", "GET"): ("/account/external/callback", EVERYONE, {}),
    ("account.external_unlink", "POST"): ("/account/external/{session}/unlink", NOBODY, {}),
    ("account.hand_over", "GET"): ("/account/hand-over?article={article}&challenge=" + "A" * 43, SIGNED_IN, {}),
    ("embed.sign_in", "POST"): ("/embed/a/{article}/sign-in", EVERYONE, {}),
    ("embed.sign_out", "POST"): ("/embed/a/{article}/sign-out", EVERYONE, {}),
    ("embed.factor", "POST"): ("/embed/a/{article}/factor", EVERYONE, {"ticket": "x", "code": "1"}),
    ("embed.forgot", "POST"): ("/embed/a/{article}/forgot", EVERYONE, {}),
    ("embed.post_comment", "POST"): ("/embed/a/{article}/comments", SIGNED_IN, {"body": "A decent remark."}),
    ("embed.vote", "POST"): ("/embed/comments/{comment}/vote", SIGNED_IN, {"value": "1"}),
    ("embed.flag", "POST"): ("/embed/comments/{comment}/flag", SIGNED_IN, {"reason": "abuse"}),
    ("embed.legal_notice", "GET"): ("/embed/comments/{comment}/legal-notice", EVERYONE, {}),
    ("embed.legal_notice", "POST"): (
        "/embed/comments/{comment}/legal-notice", EVERYONE,
        {"kind": "threat", "explanation": "He says that he will burn it down.", "name": "Ines", "email": "ines@example.org", "good_faith": "1"},
    ),
    ("embed.hide", "POST"): ("/embed/comments/{comment}/hide", SIGNED_IN, {"on": "0"}),
    ("embed.withdraw", "POST"): ("/embed/comments/{comment}/withdraw", NOBODY, {}),
    ("embed.read_told", "POST"): ("/embed/sanctions/{sanction}/read", NOBODY, {}),
    ("embed.rewrite", "POST"): ("/embed/comments/{held}/rewrite", NOBODY, {}),
    ("embed.edit_form", "GET"): ("/embed/comments/{comment}/source", NOBODY, {}),
    ("embed.edit", "POST"): ("/embed/comments/{comment}/edit", NOBODY, {"body": "Another text."}),
    ("embed.comment_history", "GET"): ("/embed/comments/{comment}/history", MANAGERS, {}),
    ("embed.people", "GET"): ("/embed/a/{article}/people?q=a", SIGNED_IN, {}),
    ("embed.preview", "POST"): ("/embed/a/{article}/preview", EVERYONE, {"body": "A decent remark."}),
    ("embed.leave", "POST"): ("/embed/comments/{held}/leave", NOBODY, {}),
    ("embed.moderation", "GET"): ("/embed/comments/{comment}/moderation", MANAGERS, {}),
    ("embed.moderate", "POST"): ("/embed/comments/{comment}/moderate", MANAGERS, {"action": "keep", "version": "2"}),
    ("embed.notices", "GET"): ("/embed/a/{article}/notifications", SIGNED_IN, {}),
    ("embed.read_notices", "POST"): ("/embed/a/{article}/notifications/read", SIGNED_IN, {"until": "1"}),
    ("embed.follow_here", "POST"): ("/embed/a/{article}/follow", SIGNED_IN, {"on": "1"}),
    ("embed.take_back", "POST"): ("/embed/decisions/{decision}/undo", MANAGERS, {}),
    # Accounts
    ("account.morning_mail", "GET"): ("/account/morning-mail/x", EVERYONE, {}),  # the address is who may
    ("account.stop_morning_mail", "POST"): ("/account/morning-mail/x", EVERYONE, {}),
    ("account.unsubscribe_form", "GET"): ("/account/unsubscribe/x", EVERYONE, {}),  # the address is who may
    ("account.unsubscribe", "POST"): ("/account/unsubscribe/x", EVERYONE, {}),
    ("account.hidden_people", "GET"): ("/account/hidden", SIGNED_IN, {}),
    ("account.change_hidden", "POST"): ("/account/hidden/{owner}", SIGNED_IN, {"on": "0"}),
    ("account.notifications", "GET"): ("/account/notifications", SIGNED_IN, {}),
    ("account.read_notifications", "POST"): ("/account/notifications/read", SIGNED_IN, {"until": "1"}),
    ("account.notification_settings", "GET"): ("/account/notifications/settings", SIGNED_IN, {}),
    ("account.save_notification_settings", "POST"): ("/account/notifications/settings", SIGNED_IN, {}),
    ("account.change_follow", "POST"): ("/account/notifications/follows/{article}", SIGNED_IN, {"on": "1"}),
    ("account.sign_up_form", "GET"): ("/account/sign-up", EVERYONE, {}),
    ("account.sign_up", "POST"): ("/account/sign-up", EVERYONE, {}),
    ("account.code_form", "GET"): ("/account/verify", EVERYONE, {}),
    ("account.verify_code", "POST"): ("/account/verify", EVERYONE, {}),
    ("account.resend", "POST"): ("/account/verify/resend", EVERYONE, {}),
    ("account.link_form", "GET"): ("/account/verify/x", EVERYONE, {}),
    ("account.verify_link", "POST"): ("/account/verify/x", EVERYONE, {}),
    ("account.sign_in_form", "GET"): ("/account/sign-in", EVERYONE, {}),
    ("account.sign_in_view", "POST"): ("/account/sign-in", EVERYONE, {}),
    ("account.sign_out", "POST"): ("/account/sign-out", EVERYONE, {}),
    ("account.forgot_form", "GET"): ("/account/forgot", EVERYONE, {}),
    ("account.forgot", "POST"): ("/account/forgot", EVERYONE, {}),
    ("account.reset_form", "GET"): ("/account/reset/x", EVERYONE, {}),
    ("account.reset", "POST"): ("/account/reset/x", EVERYONE, {}),
    ("account.welcome", "GET"): ("/account/welcome", EVERYONE, {}),
    ("account.settings", "GET"): ("/account/", SIGNED_IN, {}),
    ("account.sanctions", "GET"): ("/account/sanctions", SIGNED_IN, {}),
    ("account.read_sanction", "POST"): ("/account/sanctions/{sanction}/read", NOBODY, {}),
    ("account.change_name", "POST"): ("/account/name", SIGNED_IN, {}),
    ("account.change_language", "POST"): ("/account/language", SIGNED_IN, {}),
    ("account.change_password_view", "POST"): ("/account/password", SIGNED_IN, {}),
    ("account.make_key", "POST"): ("/account/keys", SIGNED_IN, {}),
    ("account.end_key", "POST"): ("/account/keys/1/revoke", NOBODY, {}),
    ("account.leave", "POST"): ("/account/roles/{site}/leave", frozenset({"expert", "community_manager", "admin"}), {}),
    ("account.step_form", "GET"): ("/account/sign-in/code", EVERYONE, {}),
    ("account.step", "POST"): ("/account/sign-in/code", EVERYONE, {}),
    ("account.passkey_options", "POST"): ("/account/sign-in/passkey/options", EVERYONE, {}),
    ("account.sign_in_with_passkey", "POST"): ("/account/sign-in/passkey", EVERYONE, {}),
    ("account.factors", "GET"): ("/account/second-factor", SIGNED_IN, {}),
    ("account.confirm_password", "POST"): ("/account/second-factor/confirm", SIGNED_IN, {}),
    ("account.begin_app", "POST"): ("/account/second-factor/app", SIGNED_IN, {}),
    ("account.app_form", "GET"): ("/account/second-factor/app", SIGNED_IN, {}),
    ("account.confirm_app", "POST"): ("/account/second-factor/app/code", SIGNED_IN, {}),
    ("account.remove_app", "POST"): ("/account/second-factor/app/remove", NOBODY, {}),
    ("account.new_passkey_options", "POST"): ("/account/second-factor/passkeys/options", SIGNED_IN, {}),
    ("account.new_passkey", "POST"): ("/account/second-factor/passkeys", SIGNED_IN, {}),
    ("account.end_passkey", "POST"): ("/account/second-factor/passkeys/1/remove", NOBODY, {}),
    ("account.new_codes", "POST"): ("/account/second-factor/codes", SIGNED_IN, {}),
    ("account.invitation_form", "GET"): ("/account/invitation/{invited}", EVERYONE, {}),
    ("account.accept", "POST"): ("/account/invitation/{invited}", NOBODY, {}),
    ("account.accept_with_account", "POST"): ("/account/invitation/x/account", EVERYONE, {}),
    ("account.end_other_sessions", "POST"): ("/account/sessions/revoke-others", SIGNED_IN, {}),
    ("account.end_session", "POST"): ("/account/sessions/{session}/revoke", NOBODY, {}),
    ("account.my_data", "GET"): ("/account/my-data", SIGNED_IN, {}),
    ("account.answer_consent", "POST"): ("/account/consents/train_moderation", SIGNED_IN, {"granted": "no"}),
    ("account.download", "POST"): ("/account/my-data/download", SIGNED_IN, {}),
    ("account.change_address", "POST"): ("/account/address", SIGNED_IN, {}),
    ("account.address_form", "GET"): ("/account/address/x", EVERYONE, {}),
    ("account.confirm_address", "POST"): ("/account/address/x", EVERYONE, {}),
    ("account.delete_account", "POST"): ("/account/delete", SIGNED_IN, {}),
    ("account.keep_account", "POST"): ("/account/delete/take-back", SIGNED_IN, {}),
    ("account.statements", "GET"): ("/account/decisions", SIGNED_IN, {}),
    ("account.statement", "GET"): ("/account/decisions/{statement}", NOBODY, {}),
    ("account.statement_from_mail", "GET"): ("/account/decisions/from-mail/x", EVERYONE, {}),
    ("account.appeal", "POST"): ("/account/decisions/{statement}/appeal", NOBODY, {"text": "No."}),
    ("modlog.public", "GET"): ("/modlog/{site}", EVERYONE, {}),
    ("profiles.profile", "GET"): ("/people/{site}/{profile}", EVERYONE, {}),
    ("account.profile", "GET"): ("/account/profile", SIGNED_IN, {}),
    ("account.change_profile", "POST"): ("/account/profile", SIGNED_IN, {"bio": "I ring bells."}),
    ("account.comments", "GET"): ("/account/comments", SIGNED_IN, {}),
    # The console
    ("review.home", "GET"): ("/review/", SIGNED_IN, {}),
    ("review.site_home", "GET"): ("/review/{site}/", MANAGERS, {}),
    ("review.queue", "GET"): ("/review/{site}/held", MANAGERS, {}),
    ("review.comment", "GET"): ("/review/{site}/comments/{held}", MANAGERS, {}),
    ("review.counts", "GET"): ("/review/{site}/counts", MANAGERS, {}),
    ("review.approve", "POST"): ("/review/{site}/comments/{held}/approve", MANAGERS, {"version": "1"}),
    ("review.reject", "POST"): ("/review/{site}/comments/{held}/reject", MANAGERS, {"version": "1", "reason": "abuse"}),
    ("review.undo", "POST"): ("/review/{site}/decisions/{decision}/undo", MANAGERS, {}),
    ("review.dashboard", "GET"): ("/review/{site}/dashboard", MANAGERS, {}),
    ("review.dashboard_csv", "GET"): ("/review/{site}/dashboard/volume.csv", MANAGERS, {}),
    ("review.morning_mail", "POST"): ("/review/{site}/dashboard/mail", MANAGERS, {"wanted": "on"}),
    ("review.timezone", "POST"): ("/review/{site}/dashboard/timezone", ADMINS, {"timezone": "Europe/London"}),
    ("review.tuning", "GET"): ("/review/{site}/tuning", MANAGERS, {}),
    ("review.tuning_data", "GET"): ("/review/{site}/tuning/data", MANAGERS, {}),
    ("review.tuning_csv", "GET"): ("/review/{site}/tuning/insult.csv", MANAGERS, {}),
    ("review.appeals", "GET"): ("/review/{site}/appeals", MANAGERS, {}),
    ("review.appeal", "GET"): ("/review/{site}/appeals/{appeal}", MANAGERS, {}),
    ("review.judge_appeal", "POST"): ("/review/{site}/appeals/{appeal}/decide", MANAGERS, {"outcome": "upheld", "answer": "It stands."}),
    ("review.undo_appeal", "POST"): ("/review/{site}/appeals/{appeal}/undo", MANAGERS, {}),
    ("review.people", "GET"): ("/review/{site}/people", MANAGERS, {}),
    ("review.people_csv", "GET"): ("/review/{site}/people.csv", MANAGERS, {}),
    ("review.person", "GET"): ("/review/{site}/people/{owner}", MANAGERS, {}),
    ("review.sanction", "POST"): ("/review/{site}/people/{owner}/sanctions", MANAGERS, {"kind": "ban", "reason": "spam"}),
    ("review.end_sanction", "POST"): ("/review/{site}/sanctions/{sanction}/end", MANAGERS, {}),
    ("review.sanctions", "GET"): ("/review/{site}/sanctions", MANAGERS, {}),
    ("review.sanctions_csv", "GET"): ("/review/{site}/sanctions.csv", MANAGERS, {}),
    ("review.badges", "POST"): ("/review/{site}/people/{owner}/badges", MANAGERS, {"is_expert": "1", "expert": "Bells"}),
    ("review.bio", "POST"): ("/review/{site}/people/{owner}/bio", MANAGERS, {"number": "1", "outcome": "approve"}),
    ("review.note", "POST"): ("/review/{site}/people/{owner}/notes", MANAGERS, {"body": "Noted."}),
    ("review.change_note", "POST"): ("/review/{site}/notes/{note}", NOBODY, {"body": "Changed."}),  # its author's own
    ("review.sweep", "POST"): ("/review/{site}/people/{owner}/sweeps", MANAGERS, {"reason": "spam"}),
    ("review.sweep_progress", "GET"): ("/review/{site}/sweeps/{sweep}", MANAGERS, {}),
    ("review.take_sweep_back", "POST"): ("/review/{site}/sweeps/{sweep}/undo", MANAGERS, {}),
    ("review.merge_form", "GET"): ("/review/{site}/people/{owner}/duplicates", NOBODY, {}),  # admins of every site
    ("review.merge_accounts", "POST"): ("/review/{site}/people/{owner}/merge", NOBODY, {}),
    ("review.people_rules", "GET"): ("/review/{site}/people/rules", ADMINS, {}),
    ("review.save_people_rules", "POST"): ("/review/{site}/people/rules", ADMINS, {"part": "remove", "domain": "x.example"}),
    ("review.bulk", "POST"): ("/review/{site}/bulk", MANAGERS, {"action": "approve", "item": "{held}:2"}),
    ("review.bulk_done", "GET"): ("/review/{site}/bulk/{batch}", MANAGERS, {}),
    ("review.undo_bulk", "POST"): ("/review/{site}/bulk/{batch}/undo", MANAGERS, {}),
    ("review.mark", "POST"): ("/review/{site}/comments/{comment}/{mark}", MANAGERS, {"version": "2", "on": "1"}),
    ("review.add_note", "POST"): ("/review/{site}/comments/{held}/notes", MANAGERS, {"text": "A note."}),
    ("review.delete_note", "POST"): ("/review/{site}/notes/{said}/delete", NOBODY, {}),
    ("review.ask", "POST"): ("/review/{site}/comments/{held}/questions", MANAGERS, {"text": "What is this?"}),
    ("review.close_question", "POST"): ("/review/{site}/questions/{question}/close", NOBODY, {}),
    ("review.asked", "GET"): ("/review/{site}/asked", MANAGERS, {}),
    ("review.skip", "POST"): ("/review/{site}/comments/{held}/skip", MANAGERS, {}),
    ("review.claim", "POST"): ("/review/{site}/claim", MANAGERS, {"comment": "{held}"}),
    ("review.blur", "POST"): ("/review/{site}/blur", MANAGERS, {"on": "1"}),
    ("review.modlog", "GET"): ("/review/{site}/modlog", MANAGERS, {}),
    ("review.modlog_csv", "GET"): ("/review/{site}/modlog.csv", MANAGERS, {}),
    ("review.articles", "GET"): ("/review/{site}/articles", MANAGERS, {}),
    ("review.articles_csv", "GET"): ("/review/{site}/articles.csv", MANAGERS, {}),
    ("review.close", "POST"): ("/review/{site}/articles/{article}/close", MANAGERS, {}),
    ("review.premoderate", "POST"): ("/review/{site}/articles/{article}/premoderate", MANAGERS, {}),
    ("review.everywhere", "GET"): ("/review/_all/held", SIGNED_IN, {}),  # her own sites; none for most
    ("review.search", "GET"): ("/review/{site}/search?q=remark", MANAGERS, {}),
    ("review.saved", "GET"): ("/review/{site}/saved", MANAGERS, {}),
    ("review.keep_filter", "POST"): ("/review/{site}/filters", MANAGERS, {"queue": "held", "view": "role=expert", "name": "Experts"}),
    # A colleague made these: who did, or an admin, may change them.
    ("review.rename_filter", "POST"): ("/review/{site}/filters/{filter}/rename", ADMINS, {"name": "Another"}),
    ("review.remove_filter", "POST"): ("/review/{site}/filters/{filter}/remove", ADMINS, {}),
    ("review.make_group", "POST"): ("/review/{site}/groups", MANAGERS, {"name": "Election night"}),
    ("review.rename_group", "POST"): ("/review/{site}/groups/{group}/rename", ADMINS, {"name": "Another"}),
    ("review.remove_group", "POST"): ("/review/{site}/groups/{group}/remove", ADMINS, {}),
    ("review.change_group", "POST"): ("/review/{site}/groups/{group}/articles", MANAGERS, {"add": "{article}"}),
    ("review.settings", "GET"): ("/review/{site}/settings", ADMINS, {}),
    ("review.save_settings", "POST"): ("/review/{site}/settings", ADMINS, {}),
    ("review.screening", "GET"): ("/review/{site}/settings/screening", ADMINS, {}),
    ("review.save_screening", "POST"): ("/review/{site}/settings/screening", ADMINS, {}),
    ("review.phrases", "GET"): ("/review/{site}/settings/phrases", ADMINS, {}),
    ("review.phrases_csv", "GET"): ("/review/{site}/settings/phrases.csv", ADMINS, {}),
    ("review.add_phrases", "POST"): ("/review/{site}/settings/phrases", ADMINS, {"phrases": "snake oil"}),
    ("review.remove_phrases", "POST"): ("/review/{site}/settings/phrases/remove", ADMINS, {"phrase": "snake oil"}),
    ("review.reasons", "GET"): ("/review/{site}/settings/reasons", ADMINS, {}),
    ("review.save_reasons", "POST"): ("/review/{site}/settings/reasons", ADMINS, {}),
    ("review.sections", "GET"): ("/review/{site}/settings/sections", ADMINS, {}),
    ("review.add_section", "POST"): ("/review/{site}/settings/sections", ADMINS, {"name": "Sport"}),
    ("review.section", "GET"): ("/review/{site}/settings/section?name=Sport", ADMINS, {}),
    ("review.save_section", "POST"): ("/review/{site}/settings/section", ADMINS, {"name": "Sport"}),
    ("review.history", "GET"): ("/review/{site}/settings/history", ADMINS, {}),
    ("review.version", "GET"): ("/review/{site}/settings/history/{version}", ADMINS, {}),
    ("review.restore", "POST"): ("/review/{site}/settings/history/{version}/restore", ADMINS, {}),
    ("review.sso", "GET"): ("/review/{site}/settings/sso", ADMINS, {}),
    ("review.save_sso", "POST"): ("/review/{site}/settings/sso", ADMINS, {"issuer": "https://news.example"}),
    ("review.add_sso_key", "POST"): ("/review/{site}/settings/sso/keys", ADMINS, {"kid": "b", "algorithm": "HS256", "material": "x" * 40}),
    ("review.remove_sso_key", "POST"): ("/review/{site}/settings/sso/keys/a/remove", ADMINS, {}),
    ("review.drop_sso", "POST"): ("/review/{site}/settings/sso/off", ADMINS, {}),
    ("review.test", "GET"): ("/review/{site}/settings/test", ADMINS, {}),
    ("review.run_test", "POST"): ("/review/{site}/settings/test", ADMINS, {}),
    ("review.team", "GET"): ("/review/{site}/team", ADMINS, {}),
    ("review.send_invitation", "POST"): ("/review/{site}/team", ADMINS, {}),
    ("review.send_again", "POST"): ("/review/{site}/team/invitations/{invitation}/resend", ADMINS, {}),
    ("review.withdraw", "POST"): ("/review/{site}/team/invitations/{invitation}/withdraw", ADMINS, {}),
    ("review.sign_member_out", "POST"): ("/review/{site}/team/{grant}/sign-out", ADMINS, {}),
    ("review.ask_for_second_factor", "POST"): ("/review/{site}/team/second-factor", ADMINS, {"lift": "1"}),
    ("review.audit", "GET"): ("/review/{site}/audit", ADMINS, {}),
    ("review.audit_csv", "GET"): ("/review/{site}/audit.csv", ADMINS, {}),
    ("review.change", "POST"): ("/review/{site}/team/{grant}/change", ADMINS, {"role": "expert"}),
}

# The same for the API; bearer tokens. `stranger` may make sites: she is an admin of one.
API: dict[tuple[str, str], tuple[str, frozenset[str], dict[str, Any]]] = {
    ("api_documentation.try_it", "GET"): ("/api/docs", EVERYONE, {}),
    ("api_documentation.openapi", "GET"): ("/api/v1/openapi.json", EVERYONE, {}),
    ("api_documentation.static", "GET"): ("/api/docs/static/x", EVERYONE, {}),
    ("api_registrations.start", "POST"): ("/api/v1/registrations", EVERYONE, {}),
    ("api_registrations.verify", "POST"): ("/api/v1/registrations/x/verification", EVERYONE, {"code": "000000"}),
    ("api_registrations.resend", "POST"): ("/api/v1/registrations/x/resend", EVERYONE, {}),
    ("api_registrations.ask_for_reset", "POST"): ("/api/v1/password-resets", EVERYONE, {}),
    ("api_registrations.choose_password", "PUT"): ("/api/v1/password-resets/x", EVERYONE, {"password": "long enough a word"}),
    ("api_sessions.sign_in", "POST"): ("/api/v1/sessions", EVERYONE, {}),
    ("api_guests.post", "POST"): (
        "/api/v1/articles/{article}/guest-comments", EVERYONE, {"display_name": "Gil", "email": "gil@example.org", "body": "Hello."},
    ),
    ("api_sso.exchange", "POST"): ("/api/v1/sites/{site}/sso/sessions", EVERYONE, {}),
    ("api_sso.settings", "GET"): ("/api/v1/sites/{site}/sso", ADMINS, {}),
    ("api_sso.change", "PUT"): ("/api/v1/sites/{site}/sso", ADMINS, {"issuer": "https://news.example"}),
    ("api_sso.drop", "DELETE"): ("/api/v1/sites/{site}/sso", ADMINS, {}),
    ("api_sso.add_key", "POST"): ("/api/v1/sites/{site}/sso/keys", ADMINS, {"kid": "b", "algorithm": "HS256", "material": "x" * 40}),
    ("api_sso.remove_key", "DELETE"): ("/api/v1/sites/{site}/sso/keys/a", ADMINS, {}),
    ("api_sessions.list_sessions", "GET"): ("/api/v1/sessions", SIGNED_IN, {}),
    ("api_sessions.sign_out", "DELETE"): ("/api/v1/sessions/current", SIGNED_IN, {}),
    ("api_sessions.revoke_session", "DELETE"): ("/api/v1/sessions/{session}", NOBODY, {}),
    ("api_me.me", "GET"): ("/api/v1/me", SIGNED_IN, {}),
    ("api_me.update_me", "PATCH"): ("/api/v1/me", SIGNED_IN, {"display_name": "A new name"}),
    ("api_privacy.take_out", "POST"): ("/api/v1/me/data", SIGNED_IN, {"password": "x"}),
    ("api_privacy.list_consents", "GET"): ("/api/v1/me/consents", SIGNED_IN, {}),
    ("api_privacy.answer_consent", "PUT"): ("/api/v1/me/consents/train_moderation", SIGNED_IN, {"granted": False}),
    ("api_privacy.ask_deletion", "POST"): ("/api/v1/me/deletion", frozenset({"member"}),  # who holds a role has it ended first
        {"password": "x", "comments": "keep"}),
    ("api_privacy.take_deletion_back", "DELETE"): ("/api/v1/me/deletion", SIGNED_IN, {}),
    ("api_hidden.list_hidden", "GET"): ("/api/v1/me/hidden", SIGNED_IN, {}),
    ("api_hidden.hide", "PUT"): ("/api/v1/me/hidden/{owner}", SIGNED_IN, {}),
    ("api_hidden.show", "DELETE"): ("/api/v1/me/hidden/{owner}", SIGNED_IN, {}),
    ("api_notifications.list_notifications", "GET"): ("/api/v1/me/notifications", SIGNED_IN, {}),
    ("api_notifications.read", "POST"): ("/api/v1/me/notifications/read", SIGNED_IN, {"until": "1"}),
    ("api_notifications.preferences", "GET"): ("/api/v1/me/notification-preferences", SIGNED_IN, {}),
    ("api_notifications.change_preferences", "PATCH"): ("/api/v1/me/notification-preferences", SIGNED_IN, {"follow_on_post": False}),
    ("api_notifications.list_follows", "GET"): ("/api/v1/me/follows", SIGNED_IN, {}),
    ("api_notifications.follow", "PUT"): ("/api/v1/articles/{article}/follow", SIGNED_IN, {}),
    ("api_notifications.unfollow", "DELETE"): ("/api/v1/articles/{article}/follow", SIGNED_IN, {}),
    ("api_me.api_keys", "GET"): ("/api/v1/api-keys", SIGNED_IN, {}),
    ("api_me.create_api_key", "POST"): ("/api/v1/api-keys", SIGNED_IN, {"name": "x", "scopes": ["read"]}),
    ("api_me.revoke_api_key", "DELETE"): ("/api/v1/api-keys/1", NOBODY, {}),
    ("api_sites.get_site", "GET"): ("/api/v1/sites/{site}", EVERYONE, {}),
    ("api_sites.update_site", "PATCH"): ("/api/v1/sites/{site}", ADMINS, {"name": "New"}),
    ("api_sites.create_site", "POST"): ("/api/v1/sites", ADMINS | {"stranger"}, {"key": "brand-new", "name": "New", "origins": []}),
    ("api_sites.roles", "GET"): ("/api/v1/sites/{site}/roles", ADMINS, {}),
    ("api_sites.grant", "PUT"): ("/api/v1/sites/{site}/roles/{owner}", ADMINS, {"role": "expert"}),
    ("api_team.invitations", "GET"): ("/api/v1/sites/{site}/invitations", ADMINS, {}),
    ("api_team.invite", "POST"): ("/api/v1/sites/{site}/invitations", ADMINS, {"email": "new@example.org", "role": "expert"}),
    ("api_team.resend", "POST"): ("/api/v1/sites/{site}/invitations/{invitation}/mail", ADMINS, {}),
    ("api_team.withdraw", "DELETE"): ("/api/v1/sites/{site}/invitations/{invitation}", ADMINS, {}),
    ("api_team.offer", "GET"): ("/api/v1/invitations/{invited}", EVERYONE, {}),
    ("api_team.accept", "POST"): ("/api/v1/invitations/{invited}/accept", NOBODY, {}),
    ("api_team.accept_with_account", "POST"): ("/api/v1/invitations/x/account", EVERYONE, {"display_name": "Tom", "password": "seven green umbrellas"}),
    ("api_team.leave", "DELETE"): ("/api/v1/me/roles/{site}", frozenset({"expert", "community_manager", "admin"}), {}),
    ("api_team.sign_out", "DELETE"): ("/api/v1/sites/{site}/roles/{manager}/sessions", ADMINS, {}),
    ("api_team.requirement", "PUT"): ("/api/v1/sites/{site}/second-factor", ADMINS, {"required": False}),
    ("api_team.audit", "GET"): ("/api/v1/sites/{site}/audit", ADMINS, {}),
    ("api_second_factor.confirm_session", "POST"): ("/api/v1/sessions/current/confirmation", SIGNED_IN, {"password": "wrong"}),
    ("api_second_factor.get_factors", "GET"): ("/api/v1/me/second-factor", SIGNED_IN, {}),
    ("api_second_factor.begin_app", "POST"): ("/api/v1/me/second-factor/app", SIGNED_IN, {}),
    ("api_second_factor.confirm_app", "PUT"): ("/api/v1/me/second-factor/app", SIGNED_IN, {"code": "000000"}),
    ("api_second_factor.remove_app", "DELETE"): ("/api/v1/me/second-factor/app", NOBODY, {}),
    ("api_second_factor.end_passkey", "DELETE"): ("/api/v1/me/second-factor/passkeys/1", NOBODY, {}),
    ("api_second_factor.recovery_codes", "POST"): ("/api/v1/me/second-factor/recovery-codes", SIGNED_IN, {}),
    ("api_sites.revoke", "DELETE"): ("/api/v1/sites/{site}/roles/{manager}", ADMINS, {}),
    ("api_policy.get_policy", "GET"): ("/api/v1/sites/{site}/policy?section=Sport", ADMINS, {}),
    ("api_policy.versions", "GET"): ("/api/v1/sites/{site}/policy/versions", ADMINS, {}),
    ("api_policy.version", "GET"): ("/api/v1/sites/{site}/policy/versions/{version}", ADMINS, {}),
    ("api_policy.restore", "POST"): ("/api/v1/sites/{site}/policy/versions/{version}/restore", ADMINS, {}),
    ("api_policy.test", "POST"): ("/api/v1/sites/{site}/policy/test", ADMINS, {}),
    ("api_policy.phrases", "GET"): ("/api/v1/sites/{site}/phrases", ADMINS, {}),
    ("api_policy.change_phrases", "PATCH"): ("/api/v1/sites/{site}/phrases", ADMINS, {}),
    ("api_policy.reasons", "GET"): ("/api/v1/sites/{site}/reasons", MANAGERS, {}),
    ("api_articles.register", "POST"): ("/api/v1/sites/{site}/articles", MANAGERS, {"url": "https://news.example/new", "title": "New"}),
    ("api_articles.find", "GET"): ("/api/v1/sites/{site}/articles?url=https://news.example/a", EVERYONE, {}),
    ("api_articles.get_article", "GET"): ("/api/v1/articles/{article}", EVERYONE, {}),
    ("api_articles.update_article", "PATCH"): ("/api/v1/articles/{article}", MANAGERS, {"closed": True}),
    ("api_articles.counts", "GET"): ("/api/v1/sites/{site}/counts?url=https://news.example/a", EVERYONE, {}),
    ("api_threads.thread", "GET"): ("/api/v1/articles/{article}/comments", EVERYONE, {}),
    ("api_threads.replies", "GET"): ("/api/v1/comments/{comment}/replies", EVERYONE, {}),
    ("api_threads.mine", "GET"): ("/api/v1/articles/{article}/mine", SIGNED_IN, {}),
    ("api_comments.post_comment", "POST"): ("/api/v1/articles/{article}/comments", SIGNED_IN, {"body": "A decent remark."}),
    ("api_comments.get_comment", "GET"): ("/api/v1/comments/{held}", MANAGERS, {}),
    ("api_comments.edit_comment", "PATCH"): ("/api/v1/comments/{comment}", NOBODY, {"body": "Another text."}),
    ("api_comments.list_revisions", "GET"): ("/api/v1/comments/{comment}/revisions", MANAGERS, {}),
    ("api_comments.withdraw_comment", "DELETE"): ("/api/v1/comments/{comment}", NOBODY, {}),
    ("api_comments.vote", "PUT"): ("/api/v1/comments/{comment}/vote", SIGNED_IN, {"value": 1}),
    ("api_comments.flag", "POST"): ("/api/v1/comments/{comment}/flags", SIGNED_IN, {"reason": "abuse"}),
    ("api_figures.dashboard", "GET"): ("/api/v1/sites/{site}/figures", MANAGERS, {}),
    ("api_figures.tuning", "GET"): ("/api/v1/sites/{site}/tuning", MANAGERS, {}),
    ("api_figures.morning_mail", "GET"): ("/api/v1/sites/{site}/morning-mail", MANAGERS, {}),
    ("api_figures.set_morning_mail", "PUT"): ("/api/v1/sites/{site}/morning-mail", MANAGERS, {"wanted": True}),
    ("api_moderation.queues", "GET"): ("/api/v1/sites/{site}/queues", MANAGERS, {}),
    ("api_moderation.queue", "GET"): ("/api/v1/sites/{site}/queues/held", MANAGERS, {}),
    ("api_moderation.queue_of_sites", "GET"): ("/api/v1/queues/held", MANAGERS | {"stranger", "neighbour"}, {}),
    ("api_moderation.search", "GET"): ("/api/v1/sites/{site}/search?q=remark", MANAGERS, {}),
    ("api_saved.filters", "GET"): ("/api/v1/sites/{site}/saved-filters", MANAGERS, {}),
    ("api_saved.save", "POST"): (
        "/api/v1/sites/{site}/saved-filters", MANAGERS, {"name": "Experts", "queue": "held", "filters": {"role": "expert"}},
    ),
    ("api_saved.rename_filter", "PATCH"): ("/api/v1/saved-filters/{filter}", ADMINS, {"name": "Another"}),
    ("api_saved.remove_filter", "DELETE"): ("/api/v1/saved-filters/{filter}", ADMINS, {}),
    ("api_saved.groups", "GET"): ("/api/v1/sites/{site}/article-groups", MANAGERS, {}),
    ("api_saved.make_group", "POST"): ("/api/v1/sites/{site}/article-groups", MANAGERS, {"name": "Election night"}),
    ("api_saved.rename_group", "PATCH"): ("/api/v1/article-groups/{group}", ADMINS, {"name": "Another"}),
    ("api_saved.remove_group", "DELETE"): ("/api/v1/article-groups/{group}", ADMINS, {}),
    ("api_saved.add_article", "PUT"): ("/api/v1/article-groups/{group}/articles/{article}", MANAGERS, {}),
    ("api_saved.remove_article", "DELETE"): ("/api/v1/article-groups/{group}/articles/{article}", MANAGERS, {}),
    ("api_moderation.card", "GET"): ("/api/v1/comments/{held}/card", MANAGERS, {}),
    ("api_moderation.decide", "POST"): ("/api/v1/comments/{held}/decisions", MANAGERS, {"action": "approve", "version": 2}),
    ("api_moderation.undo", "POST"): ("/api/v1/decisions/{decision}/undo", MANAGERS, {}),
    ("api_people.list_people", "GET"): ("/api/v1/sites/{site}/people", MANAGERS, {}),
    ("api_people.get_person", "GET"): ("/api/v1/sites/{site}/people/{owner}", MANAGERS, {}),
    ("api_people.get_timeline", "GET"): ("/api/v1/sites/{site}/people/{owner}/timeline", MANAGERS, {}),
    ("api_people.put_badges", "PUT"): ("/api/v1/sites/{site}/people/{owner}/badges", MANAGERS, {"expert": "Bells", "member": True}),
    ("api_people.post_bio_decision", "POST"): ("/api/v1/sites/{site}/people/{owner}/bio", MANAGERS, {"number": 1, "outcome": "approve"}),
    ("api_profiles.get_profile", "GET"): ("/api/v1/sites/{site}/profiles/{profile}", EVERYONE, {}),
    ("api_people.list_sanctions_of", "GET"): ("/api/v1/sites/{site}/people/{owner}/sanctions", MANAGERS, {}),
    ("api_people.impose_sanction", "POST"): ("/api/v1/sites/{site}/people/{owner}/sanctions", MANAGERS, {"kind": "ban", "reason": "spam"}),
    ("api_people.list_sanctions", "GET"): ("/api/v1/sites/{site}/sanctions", MANAGERS, {}),
    ("api_people.end_sanction", "POST"): ("/api/v1/sites/{site}/sanctions/{sanction}/end", MANAGERS, {}),
    ("api_people.list_notes", "GET"): ("/api/v1/sites/{site}/people/{owner}/notes", MANAGERS, {}),
    ("api_people.post_note", "POST"): ("/api/v1/sites/{site}/people/{owner}/notes", MANAGERS, {"body": "Noted."}),
    ("api_people.patch_note", "PATCH"): ("/api/v1/sites/{site}/notes/{note}", NOBODY, {"body": "Changed."}),  # its author's own
    ("api_people.remove_note", "DELETE"): ("/api/v1/sites/{site}/notes/{note}", NOBODY, {}),
    ("api_people.post_sweep", "POST"): ("/api/v1/sites/{site}/people/{owner}/sweeps", MANAGERS, {"reason": "spam"}),
    ("api_people.get_sweep", "GET"): ("/api/v1/sites/{site}/sweeps/{sweep}", MANAGERS, {}),
    ("api_people.post_sweep_undo", "POST"): ("/api/v1/sites/{site}/sweeps/{sweep}/undo", MANAGERS, {}),
    ("api_people.post_merge", "POST"): ("/api/v1/sites/{site}/people/{owner}/merge", NOBODY, {"other_id": "{manager_id}", "typed_name": "x"}),
    ("api_people.my_sanctions", "GET"): ("/api/v1/me/sanctions", SIGNED_IN, {}),
    ("api_people.read_sanction", "POST"): ("/api/v1/me/sanctions/{sanction}/read", NOBODY, {}),
    ("api_moderation.modlog", "GET"): ("/api/v1/sites/{site}/modlog", MANAGERS, {}),
    ("api_statements.list_statements", "GET"): ("/api/v1/me/statements", SIGNED_IN, {}),
    ("api_statements.get_statement", "GET"): ("/api/v1/me/statements/{statement}", NOBODY, {}),
    ("api_statements.appeal", "POST"): ("/api/v1/me/statements/{statement}/appeal", NOBODY, {"text": "No."}),
    ("api_statements.list_appeals", "GET"): ("/api/v1/sites/{site}/appeals", MANAGERS, {}),
    ("api_statements.get_appeal", "GET"): ("/api/v1/appeals/{appeal}", MANAGERS, {}),
    ("api_statements.judge", "POST"): ("/api/v1/appeals/{appeal}/decision", MANAGERS, {"outcome": "upheld", "answer": "It stands."}),
    ("api_statements.undo", "POST"): ("/api/v1/appeals/{appeal}/undo", MANAGERS, {}),
    ("api_statements.public_modlog", "GET"): ("/api/v1/sites/{site}/public-modlog", EVERYONE, {}),
    ("api_legal.send", "POST"): (
        "/api/v1/comments/{comment}/legal-notices", EVERYONE,
        {"kind": "threat", "explanation": "He says that he will burn it down.", "name": "Ines", "email": "ines@example.org", "good_faith": True},
    ),
    ("api_legal.list_notices", "GET"): ("/api/v1/sites/{site}/legal-notices", MANAGERS, {}),
    ("api_desk.decide_at_once", "POST"): ("/api/v1/sites/{site}/decisions", MANAGERS, {"action": "approve", "comments": [{"id": "1", "version": 1}]}),
    ("api_desk.undo_at_once", "POST"): ("/api/v1/sites/{site}/batches/{batch}/undo", MANAGERS, {}),
    ("api_desk.mark", "PUT"): ("/api/v1/comments/{comment}/marks/{mark}", MANAGERS, {"on": True, "version": 1}),
    ("api_desk.notes", "GET"): ("/api/v1/comments/{comment}/notes", MANAGERS, {}),
    ("api_desk.add_note", "POST"): ("/api/v1/comments/{comment}/notes", MANAGERS, {"text": "A note."}),
    ("api_desk.delete_note", "DELETE"): ("/api/v1/notes/{said}", NOBODY, {}),
    ("api_desk.questions", "GET"): ("/api/v1/comments/{comment}/questions", MANAGERS, {}),
    ("api_desk.ask", "POST"): ("/api/v1/comments/{comment}/questions", MANAGERS, {"text": "What is this?"}),
    ("api_desk.close_question", "DELETE"): ("/api/v1/questions/{question}", NOBODY, {}),
    ("api_desk.asked_of_me", "GET"): ("/api/v1/sites/{site}/questions", MANAGERS, {}),
    ("api_desk.colleagues", "GET"): ("/api/v1/sites/{site}/colleagues", MANAGERS, {}),
    ("api_desk.skip", "PUT"): ("/api/v1/comments/{comment}/skip", MANAGERS, {}),
    ("api_desk.unskip", "DELETE"): ("/api/v1/comments/{comment}/skip", MANAGERS, {}),
    ("api_desk.claim", "PUT"): ("/api/v1/comments/{comment}/claim", MANAGERS, {}),
    ("api_desk.changes", "GET"): ("/api/v1/sites/{site}/changes", MANAGERS, {}),
}


@dataclass
class World:
    """One site with one of everything, and a person in each role."""

    people: dict[str, User | None]
    names: dict[str, Any]


@pytest.fixture
def world(app: Flask) -> World:
    people, names = filled("world", _make_world)
    return World({role: db.session.get_one(User, number) if number else None for role, number in people.items()}, dict(names))


def _make_world() -> tuple[dict[str, int | None], dict[str, Any]]:
    site, elsewhere = make_site(policy=Policy(public_modlog=True, guests=True)), make_site()
    article = make_article(site)
    make_article(site, url="https://news.example/a")
    people: dict[str, User | None] = {"anonymous": None, "member": make_user()}
    for role in (Role.EXPERT, Role.COMMUNITY_MANAGER, Role.ADMIN):
        people[role.value] = make_user(role=role, site=site)
    people["stranger"] = make_user(role=Role.ADMIN, site=elsewhere)
    people["neighbour"] = make_user(role=Role.COMMUNITY_MANAGER, site=elsewhere)
    owner = make_user()
    start_session(owner, device="elsewhere")
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    judged = make_comment(article, owner, status=Status.HELD)
    decision = approve(judged, actor=manager, seen=judged.version, batch="all-of-it")
    statement = live_statement(make_comment(article, owner, status=Status.REJECTED).id)
    appealed = live_statement(make_comment(article, owner, status=Status.REJECTED).id)
    assert statement is not None
    assert appealed is not None
    appeal = lodge(appealed, owner, "It was a quotation.")
    first_version(site, actor=None, via="command")
    set_sso(site, "https://news.example", by=None)
    add_key(site, "a", "HS256", "y" * 40, by=None)
    sanction = impose(owner, SanctionKind.WARN, actor=manager, site=site, reason=Reason.SPAM, message="Please.")
    db.session.add(Profile(user_id=owner.id, offered="Me.", state=BioState.HELD.value, number=1))
    note = add_note(site, owner, "Noted.", author=manager)
    spammer = make_user()
    spam = make_comment(article, spammer)
    sweep = start_sweep(site, spammer, actor=manager, reason=Reason.SPAM)
    invitation = invite(site, "guest@example.org", Role.EXPERT)
    make_user(role=Role.ADMIN, site=site)  # so that the site's admin is not its last
    kept = save_filter(site, "Staff", "held", Filters(role="admin"), None, actor=manager)
    group = make_group(site, "The wall", actor=manager)
    db.session.commit()
    discussed = make_comment(article, owner, status=Status.HELD)
    said = add_comment_note(discussed, manager, "A note of hers.")
    question = ask(discussed, manager, "What is this?")
    db.session.commit()
    names = {
        "sanction": sanction.id, "note": note.id, "sweep": sweep.id, "manager_id": str(manager.id), "spam": spam.id,
        "filter": kept.id, "group": group.id,
        "site": site.key, "article": article.id, "comment": make_comment(article, owner).id,
        "held": make_comment(article, owner, status=Status.HELD).id, "decision": decision.id,
        "batch": "all-of-it", "mark": "featured", "said": said.id, "question": question.id,
        "grant": manager.roles[0].id, "session": db.session.query(UserSession.id).scalar(),
        "invitation": invitation.id, "invited": re.findall(r"/invitation/(\S+)", db.session.query(Mail.text).filter(Mail.recipient == "guest@example.org").scalar() or "")[0],
        "profile": public_id(site.id, owner.id),
        "manager": manager.id, "owner": owner.id, "email": owner.email, "version": 1,
        "statement": statement.puid, "appeal": appeal.id,
    }
    return {role: person and person.id for role, person in people.items()}, names


def _rules(app: Flask, *, api: bool) -> set[tuple[str, str]]:
    return {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") == api
    }


def test_every_route_is_in_the_table(app: Flask) -> None:
    assert _rules(app, api=False) == set(PAGES)
    assert _rules(app, api=True) == set(API)


Asked = tuple[str, str, tuple[str, ...]]  # endpoint, method, roles
CHUNKS = 8


def _askers(table: dict[tuple[str, str], tuple[str, frozenset[str], Any]]) -> list[tuple[Asked, ...]]:
    """Whom to ask for in one world: all who change nothing, for they read or are refused; who may write in one of her own."""
    harmless: list[Asked] = []
    writing: list[tuple[Asked, ...]] = []
    for (endpoint, method), (_, allowed, _) in table.items():
        alone = [] if method == "GET" else [role for role in ROLES if role in allowed]
        harmless.append((endpoint, method, tuple(role for role in ROLES if role not in alone)))
        writing += [((endpoint, method, (role,)),) for role in alone]
    return [tuple(harmless[n::CHUNKS]) for n in range(CHUNKS)] + writing


def _named(asked: tuple[Asked, ...]) -> str:
    endpoint, method, roles = asked[0]
    return f"{endpoint}-{method}-{roles[0]}" if len(asked) == 1 else f"from {endpoint}"


@pytest.mark.once
@pytest.mark.parametrize("asked", _askers(API), ids=_named)
def test_the_api_lets_in_exactly_whom_the_table_names(app: Flask, world: World, asked: tuple[Asked, ...]) -> None:
    for endpoint, method, roles in asked:
        for role in roles:
            _ask_the_api(app, world, endpoint, method, role)


def _ask_the_api(app: Flask, world: World, endpoint: str, method: str, role: str) -> None:
    address, allowed, data = API[endpoint, method]
    body = {k: v.format(**world.names) if isinstance(v, str) else v for k, v in data.items()}
    user = world.people[role]
    headers = {}
    if user is not None:
        headers["Authorization"] = f"Bearer {start_session(user, device='test')}"
        db.session.commit()
    db.session.remove()
    json = body if method in {"POST", "PUT", "PATCH"} else None
    answer = contextvars.Context().run(
        app.test_client().open, address.format(**world.names), method=method, json=json, headers=headers, buffered=True
    )
    answer.close()
    about = (endpoint, method, role, answer.status_code, answer.text[:300])
    assert answer.status_code < 500, about
    if role in allowed:
        assert answer.status_code not in {401, 403}, about
        if "/x" not in address:
            assert answer.status_code != 404, about
    else:
        assert answer.status_code in {401, 403, 404}, about
        assert answer.mimetype == "application/problem+json"


def test_a_cookie_opens_no_door_of_the_api(app: Flask, world: World) -> None:
    for (endpoint, method), (address, allowed, _) in API.items():
        if "anonymous" not in allowed:
            answer = _ask(app, address.format(**world.names), method, world.people["admin"], {})
            assert answer.status_code in {401, 404, 415}, (endpoint, method)


def _ask(app: Flask, path: str, method: str, user: User | None, form: dict[str, str]) -> TestResponse:
    client = app.test_client()
    if user is not None:
        token = start_session(user, device="test")
        db.session.commit()
        value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
        client.set_cookie(COOKIE, value, path="/")
        client.set_cookie(FRAMED_COOKIE, value, path="/embed")
    db.session.remove()
    answer: TestResponse = contextvars.Context().run(client.open, path, method=method, data=form, buffered=True)
    answer.close()  # a file that was sent
    return answer


def _turned_away(answer: TestResponse) -> bool:
    to_sign_in = answer.status_code in {302, 303} and "/account/sign-in" in answer.headers["Location"]
    return answer.status_code in {401, 403, 404} or to_sign_in


@pytest.mark.once
@pytest.mark.parametrize("asked", _askers(PAGES), ids=_named)
def test_a_page_lets_in_exactly_whom_the_table_names(
    app: Flask, world: World, asked: tuple[Asked, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())  # its own tests are in journeys
    for endpoint, method, roles in asked:
        for role in roles:
            _ask_for_the_page(app, world, endpoint, method, role)


def _ask_for_the_page(app: Flask, world: World, endpoint: str, method: str, role: str) -> None:
    address, allowed, form = PAGES[endpoint, method]
    answer = _ask(app, address.format(**world.names), method, world.people[role], form)
    about = (endpoint, method, role, answer.status_code, answer.headers.get("Location"))
    assert answer.status_code < 500, about
    if role in allowed:
        assert answer.status_code not in {401, 403}, about
        if not address.endswith(("/x", "/sign-out")) and "assets/x" not in address:
            assert not _turned_away(answer), about
    else:
        assert _turned_away(answer), about


def test_a_form_from_elsewhere_changes_nothing(app: Flask, world: World) -> None:
    """Without our token, an admin's own browser is refused: another page may be acting through it."""
    for (endpoint, method), (address, _, form) in PAGES.items():
        if method == "POST":
            answer = _ask(app, address.format(**world.names), method, world.people["admin"], form)
            assert answer.status_code in {400, 403, 404}, endpoint


IDS = re.compile(r"\{(?:article|comment|held|decision|appeal|grant|session|manager|owner|version|sanction|note|sweep|invitation|filter|group|said|question)\}|(?<=keys/)1")
NUMBERED = [
    (address, method, data)
    for (_, method), (address, _, data) in [*PAGES.items(), *API.items()]
    if method not in {"GET", "HEAD"} and IDS.search(address)
]


@pytest.mark.parametrize("number", [str(2**63), "1" + "0" * 30, "9" * 5000], ids=len)
def test_a_number_no_id_can_be_changes_nothing(app: Flask, world: World, number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id beyond 64 bits must not end as an error of the database's driver."""
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())
    for address, method, data in NUMBERED:
        _ask_with(number, app, world, address, method, data)


def _ask_with(number: str, app: Flask, world: World, address: str, method: str, data: dict[str, Any]) -> None:
    names = {**world.names, "email": "nobody@example.org"}
    path = IDS.sub(number, address).format(**names)
    given = {k: v.format(**names) if isinstance(v, str) else v for k, v in data.items()}
    headers = {}
    if path.startswith("/api/"):
        assert world.people["admin"] is not None
        headers["Authorization"] = f"Bearer {start_session(world.people['admin'], device='test')}"
        db.session.commit()
        db.session.remove()
        answer = contextvars.Context().run(
            app.test_client().open, path, method=method, json=given, headers=headers, buffered=True
        )
    else:
        answer = _ask(app, path, method, world.people["admin"], given)
    assert answer.status_code == 404, (address, method, answer.text[:300])


def test_every_rule_with_a_number_that_changes_something_is_walked(app: Flask) -> None:
    walked = {(re.sub(r"\{[^}]+\}|(?<=keys/)1", "*", address), method) for address, method, _ in NUMBERED}
    rules = {
        (re.sub(r"<[^>]+>", "*", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
        if re.search(r"<(?:int|row_id):", rule.rule)
    }
    assert rules == walked


def test_a_shared_view_of_a_comment_that_cannot_be_is_the_queue(app: Flask, world: World) -> None:
    for number in ("9" * 30, "-1", "x", "9223372036854775808"):
        path = f"/review/{world.names['site']}/held?comment={number}"
        assert _ask(app, path, "GET", world.people["community_manager"], {}).status_code == 200
