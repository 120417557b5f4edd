"""HomeWizard P1 and kWh meters over their local API, v1 (HTTP) and v2 (HTTPS and websocket).

Made from the maker's public API documentation (api-documentation.homewizard.com).
"""

from devices.meters.homewizard.announcement import SERVICES
from devices.meters.homewizard.driver import HomeWizardDriver

__all__ = ["SERVICES", "HomeWizardDriver"]
