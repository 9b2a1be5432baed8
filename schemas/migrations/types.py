"""Column types as the migrations spell them.

Apart from :mod:`schemas.types` on purpose: a revision says what was stored then, whatever becomes of
the models.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BINARY_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
JSON_DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
INSTANT = sa.DateTime(timezone=True)
