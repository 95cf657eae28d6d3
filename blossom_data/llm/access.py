"""Why an endpoint gives no access at all: the key, the money, or something that stands in front of it.

    why_no_access(429, {"exceeded_current_quota_error"}, "suspended due to insufficient balance", b"...")  ->  "money"
    why_no_access(403, set(), "error code: 1010", b"error code: 1010")                                   ->  "blocked"
    why_no_access(403, set(), "Guthaben aufgebraucht", b"...")                                           ->  "closed"
    why_no_access(429, set(), "Rate limit reached ... add a payment method", b"...")                      ->  ""

A 429 that speaks of a rate passes with time; one that speaks of money does not. An API refuses a key in JSON: a 403
that is a page, or has the number of a firewall's rule, never reached the API. A 403 in words that are not known here
is told with its own sentence, not as a key that was refused; behind answers it is about its record (channel.py). Words
that say the same are grouped by what they mean; the texts of vendors are in tests/llm/test_refusals.py.
"""

from __future__ import annotations

import re
from collections.abc import Set

MONEY, KEY, BLOCKED, CLOSED = "money", "key", "blocked", "closed"
"""Why there is no access; CLOSED: in words that are not known here."""
_MONEY_CODES = {
    "insufficient_quota",
    "billing_hard_limit_reached",
    "insufficient_balance",
    "insufficient_user_quota",
    "insufficient_credits",
    "exceeded_current_quota_error",
    "arrearage",
    "payment_required",
}
_KEY_CODES = {"invalid_api_key", "account_deactivated", "invalid_token", "authentication_error", "invalidapikey"}
_MONEY = re.compile(
    r"\barrear|\boverdue\b|\bunpaid\b|\bsuspended due to\b|\baccount\b.{0,40}\bsuspended\b"
    r"|\b(?:insufficient|not enough|exhausted|no remaining|out of|negative)[ _-](?:\w+[ _-]){0,3}"
    r"(?:balance|funds?|credits?|quota|points)\b"
    r"|\b(?:balance|credits?|funds)\b.{0,40}\b(?:insufficient|low|exhausted|depleted|used up|run out|negative|"
    r"not enough|not sufficient|empty|zero)\b"
    r"|\b(?:recharge|top[ -]?up)\b|\b(?:add|buy|purchase)\b.{0,20}\bcredits\b|\bpayment\b|\bbilling\b.{0,20}\blimit\b"
    r"|\bused (?:up|all)\b.{0,30}\b(?:quota|credits?|balance)\b"
    r"|\bfree (?:tier|quota)\b.{0,40}\bexhausted\b|\b(?:spending|spend|usage) limits?\b"
    r"|欠费|余额|充值|续费|额度(?:已|不足|用|耗)|账户?.{0,8}(?:停用|冻结)|资源包|点数不足|免费.{0,6}(?:用完|耗尽|已用)"
    r"|欠費|餘額|儲值|額度(?:已|不足|用|耗)|點數不足"
    r"|残高|チャージ|クレジット.{0,12}(?:不足|切れ|使い切)|잔액|크레딧.{0,8}(?:부족|소진)|충전",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"\brate[ _-]?limit|\btoo many requests\b|\btry again in\b|\bper[ -](?:second|minute|min|hour|day)\b"
    r"|\b[rt]p[smd]\b|频繁|限流|限速|每(?:秒|分钟|天)",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"\b(?:invalid|incorrect|wrong|expired|missing|no|revoked)[ _-](?:\w+[ _-])?"
    r"(?:api[ _-]?key|access key|credentials?)\b"
    r"|\binvalid (?:access |auth |bearer )?token\b(?! id)"
    r"|\b(?:api|access|auth|bearer)[ _-]token\b.{0,30}\b(?:invalid|expired|not valid|missing|revoked|disabled)\b"
    r"|\b(?:api[ _-]?key|access token|credentials?)\b.{0,30}\b(?:invalid|incorrect|expired|not valid|missing|revoked"
    r"|disabled)\b"
    r"|\bunauthori[sz]ed\b|\bauthentication (?:failed|error|fails)\b|\bnot authenticated\b|\blogin fail"
    r"|鉴权|认证失败|未授权|无权(?:限|访问|使用)|没有.{0,12}(?:授权|权限)"
    r"|(?:令牌|密钥|\btoken|\bapi[ _-]?key).{0,8}(?:无效|过期|失效|错误|不正确|不存在)|无效的?(?:令牌|密钥)",
    re.IGNORECASE,
)
_FIREWALL = re.compile(
    rb"error code: 1\d{3}|attention required|just a moment|cloudflare|captcha|\b(?:allow|white)[- ]?list"
    rb"|unsupported_country|\b(?:country|region|territory|location)\b.{0,40}\bnot (?:supported|allowed|available)\b",
    re.IGNORECASE,
)


def why_no_access(status: int, codes: Set[str], message: str, body: bytes) -> str:
    """MONEY, KEY, BLOCKED, CLOSED, or "" where the answer says none of it; `status` 200 for an error inside a 200."""
    is_rate = status == 429 and is_rate_limit(message)
    if status == 402 or codes & _MONEY_CODES or (_MONEY.search(message) and not is_rate):
        return MONEY
    if status == 403 and (_FIREWALL.search(body[:4096]) or body.lstrip()[:1] == b"<"):
        return BLOCKED
    if codes & _KEY_CODES or (status != 429 and _KEY.search(message)):
        return KEY
    # A 403 without a word can be nothing else; one with a sentence says why, in whatever language.
    if status == 401 or (status == 403 and not message):
        return KEY
    return CLOSED if status == 403 else ""


def is_rate_limit(message: str) -> bool:
    """Whether an error speaks of too many calls in a time."""
    return _RATE.search(message) is not None


def what_to_do(kind: str, label: str, detail: str, origin: str) -> tuple[str, str]:
    """The error's message and hint."""
    key = f"the key comes from {origin}" if origin else "set OPENAI_API_KEY"
    if kind == MONEY:
        return f"the money or quota at endpoint {label} is used up: {detail}", f"{key}; top its account up"
    if kind == BLOCKED:
        told = f"something in front of endpoint {label} (a firewall or bot block) refused the request: {detail}"
        return told, "it is not the key: ask from another network, or have the provider let this client through"
    if kind == CLOSED:
        told = f"endpoint {label} gives no access: {detail}"
        return told, f"its own words say why: what the account may do or has left, or this model; {key}"
    return f"endpoint {label} refused the key: {detail}", f"{key}; check it"
