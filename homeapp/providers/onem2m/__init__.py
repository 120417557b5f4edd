"""oneM2M over MQTT (TS-0001, TS-0004, TS-0010): the hub as an application entity of the system operator's CSE."""
