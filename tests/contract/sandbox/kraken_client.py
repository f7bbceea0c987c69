"""A bare Kraken client of the tests: signs as Kraken's documentation says, spoils what a test wants spoiled."""

import base64
import hashlib
import hmac
import itertools
import json
from decimal import Decimal
from urllib.parse import urlencode

import requests


class Client:
    """Answers are decoded with exact numbers; `last` is the whole HTTP answer."""

    def __init__(self, sandbox, key):
        self.key = key
        self.secret = key.secret
        self._base = sandbox.base_url("kraken")
        self._nonces = itertools.count(1)
        self._session = requests.Session()
        self.last = None

    def __call__(self, method, **asked):
        return json.loads(self.send(method, **asked).text, parse_float=Decimal)

    def send(self, method, *, nonce=None, timeout=10, **asked):
        path = f"/0/private/{method}"
        body = urlencode({**asked, "nonce": next(self._nonces) if nonce is None else nonce})
        digest = hashlib.sha256((body.rsplit("nonce=", 1)[1] + body).encode()).digest()
        sign = hmac.new(base64.b64decode(self.secret), path.encode() + digest, hashlib.sha512).digest()
        headers = {
            "API-Key": self.key.api_key,
            "API-Sign": base64.b64encode(sign).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self.last = self._session.post(self._base + path, data=body, headers=headers, timeout=timeout)
        return self.last

    def public(self, method, **asked):
        self.last = self._session.get(f"{self._base}/0/public/{method}", params=asked, timeout=10)
        return json.loads(self.last.text)

    def close(self):
        self._session.close()
