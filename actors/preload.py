"""What every process of Ray's imports before it is given work.

Ray keeps a few processes ready, and they have nothing to do while a run is planned. Torch is left out: the actors
that only keep Ray Data's books would carry it too.
"""

from oldphoto_core.imports import import_uncollected

import_uncollected("ray.data")
