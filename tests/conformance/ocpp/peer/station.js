// A charging station of ocpp-rpc in strict mode, which checks every message with schemas of its own.
// Standard input, one line: {endpoint, identity, password?, ca?, cert?, key?, version}; then steps; standard output: one
// JSON object a line.
'use strict';

const { RPCClient } = require('ocpp-rpc');
const { say, steps } = require('./lines');
const strictModeValidators = require('./validators');

// Answers to what a CSMS asks that are more than a status.
const answers = {
    SetVariables: ({ setVariableData }) => ({
        setVariableResult: setVariableData.map(({ component, variable }) => (
            { component, variable, attributeStatus: 'Accepted' })),
    }),
    GetVariables: ({ getVariableData }) => ({
        getVariableResult: getVariableData.map(({ component, variable }) => (
            { component, variable, attributeStatus: 'UnknownVariable' })),
    }),
    GetConfiguration: () => ({ configurationKey: [], unknownKey: [] }),
    GetBaseReport: () => ({ status: 'NotSupported' }),
    GetChargingProfiles: () => ({ status: 'NoProfiles' }),
    GetCompositeSchedule: () => ({ status: 'Rejected' }),
    GetLocalListVersion: (_, old) => (old ? { listVersion: 0 } : { versionNumber: 0 }),
    UnlockConnector: () => ({ status: 'Unlocked' }),
    GetTransactionStatus: () => ({ messagesInQueue: false }),
};

// What is said of a charge, in the words of 1.6 and of 2.x.
class Story {
    constructor(client, version) {
        this.client = client;
        this.old = version === 'ocpp1.6';
        this.newest = version === 'ocpp2.1';
        this.sequence = 0;
    }

    get now() {
        return new Date().toISOString();
    }

    boot() {
        return this.client.call('BootNotification', this.old
            ? { chargePointVendor: 'Acme', chargePointModel: 'Box', chargePointSerialNumber: 'SN-1', firmwareVersion: '9' }
            : { reason: 'PowerUp', chargingStation: { vendorName: 'Acme', model: 'Box', serialNumber: 'SN-1', firmwareVersion: '9' } });
    }

    status(old, current) {
        return this.client.call('StatusNotification', this.old
            ? { connectorId: 1, status: old, errorCode: 'NoError', timestamp: this.now }
            : { evseId: 1, connectorId: 1, connectorStatus: current, timestamp: this.now });
    }

    authorize(token) {
        return this.client.call('Authorize', this.old
            ? { idTag: token }
            : { idToken: { idToken: token, type: 'Central' } });
    }

    event(eventType, chargingState, more = {}) {
        return this.client.call('TransactionEvent', {
            eventType, timestamp: this.now, triggerReason: 'Trigger', seqNo: this.sequence++, evse: { id: 1, connectorId: 1 },
            transactionInfo: { transactionId: 'tx-1', chargingState }, ...more,
        });
    }

    async begin(token) {
        if (!this.old) {
            await this.event('Started', 'Charging', { idToken: { idToken: token, type: 'Central' } });
            return;
        }
        const started = { connectorId: 1, idTag: token, meterStart: 1000, timestamp: this.now };
        this.transactionId = (await this.client.call('StartTransaction', started)).transactionId;
        await this.status('Charging');
    }

    async measure(watts) {
        const energy = { measurand: 'Energy.Active.Import.Register' };
        const power = { measurand: 'Power.Active.Import' };
        const sampledValue = this.old
            ? [{ ...power, value: `${watts}`, unit: 'W' }, { ...energy, value: '1500', unit: 'Wh' }]
            : [{ ...power, value: watts, unitOfMeasure: { unit: 'W' } }, { ...energy, value: 1500 }];
        const meterValue = [{ timestamp: this.now, sampledValue }];
        if (this.old) {
            await this.client.call('MeterValues', { connectorId: 1, transactionId: this.transactionId, meterValue });
        } else {
            await this.event('Updated', 'Charging', { meterValue });
        }
    }

    async needs() {
        if (this.old) {
            return;
        }
        const chargingNeeds = { requestedEnergyTransfer: 'AC_three_phase' };
        if (this.newest) {
            chargingNeeds.requestedEnergyTransfer = 'AC_BPT';
            chargingNeeds.v2xChargingParameters = { maxChargePower: 11000, maxDischargePower: 6000 };
        }
        await this.client.call('NotifyEVChargingNeeds', { evseId: 1, chargingNeeds });
    }

    async end() {
        if (this.old) {
            const stopped = { transactionId: this.transactionId, meterStop: 2000, timestamp: this.now, reason: 'EVDisconnected' };
            await this.client.call('StopTransaction', stopped);
        } else {
            await this.event('Ended', 'Idle', { triggerReason: 'EVCommunicationLost' });
        }
        await this.status('Available', 'Available');
    }
}

async function play(step, story) {
    switch (step.do) {
        case 'boot': return story.boot();
        case 'plug in': return story.status('Preparing', 'Occupied');
        case 'authorize': return story.authorize(step.token);
        case 'begin': return story.begin(step.token);
        case 'measure': return story.measure(step.watts);
        case 'needs': return story.needs();
        case 'end': return story.end();
        case 'heartbeat': return story.client.call('Heartbeat', {});
        case 'leave': return story.client.close({ code: 1000 });
        default: return story.client.call(step.do, step.payload);
    }
}

async function main() {
    const lines = steps();
    const { endpoint, identity, password, version, ...tls } = await lines.next();
    const client = new RPCClient({
        endpoint, identity, password: password ?? null, protocols: [version], strictMode: true, strictModeValidators,
        reconnect: false, wsOpts: tls,
    });
    client.on('strictValidationFailure', ({ method, outbound, isCall, error }) => {
        say({ event: 'invalid', method, outbound, isCall, error: error.message });
    });
    client.on('badMessage', ({ error }) => say({ event: 'bad', error: error.message }));
    client.handle(({ method, params }) => {
        say({ event: 'asked', method, params });
        const answer = answers[method];
        return answer ? answer(params, version === 'ocpp1.6') : { status: 'Accepted' };
    });
    await client.connect();
    say({ event: 'connected', version: client.protocol });
    const story = new Story(client, version);
    for (let step = await lines.next(); step; step = await lines.next()) {
        try {
            say({ event: 'done', step: step.do, answer: await play(step, story) ?? null });
        } catch (error) {
            say({ event: 'failed', step: step.do, error: error.rpcErrorCode ?? error.name, text: error.message });
        }
    }
    await client.close({ force: true });
}

main().catch((error) => {
    say({ event: 'failed', step: 'connect', error: error.message });
    process.exitCode = 1;
});
