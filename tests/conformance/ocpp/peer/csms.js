// A CSMS of ocpp-rpc in strict mode, which checks every message with schemas of its own.
// Standard input, one line: {identity, password, version}; then steps; standard output: one JSON object a line.
'use strict';

const { RPCServer } = require('ocpp-rpc');
const { say, steps } = require('./lines');
const strictModeValidators = require('./validators');

const accepted = { status: 'Accepted' };

function answer(method, params, old) {
    const now = new Date().toISOString();
    switch (method) {
        case 'BootNotification': return { ...accepted, currentTime: now, interval: 300 };
        case 'Heartbeat': return { currentTime: now };
        case 'Authorize': return old ? { idTagInfo: accepted } : { idTokenInfo: accepted };
        case 'StartTransaction': return { transactionId: 4711, idTagInfo: accepted };
        case 'TransactionEvent': return params.idToken ? { idTokenInfo: accepted } : {};
        case 'DataTransfer':
        case 'NotifyEVChargingNeeds': return accepted;
        default: return {};
    }
}

async function main() {
    const lines = steps();
    const { identity, password, version } = await lines.next();
    const server = new RPCServer({ protocols: [version], strictMode: true, strictModeValidators });
    server.auth((accept, reject, handshake) => {
        if (handshake.identity === identity && handshake.password?.toString() === password) {
            accept();
        } else {
            reject(401);
        }
    });
    let station;
    server.on('client', (client) => {
        station = client;
        client.on('strictValidationFailure', ({ method, outbound, isCall, error }) => {
            say({ event: 'invalid', method, outbound, isCall, error: error.message });
        });
        client.on('badMessage', ({ error }) => say({ event: 'bad', error: error.message }));
        client.handle(({ method, params }) => {
            say({ event: 'asked', method, params });
            return answer(method, params, version === 'ocpp1.6');
        });
        say({ event: 'connected', version: client.protocol });
    });
    const http = await server.listen(0, '127.0.0.1');
    say({ event: 'listening', port: http.address().port });
    for (let step = await lines.next(); step; step = await lines.next()) {
        try {
            say({ event: 'done', step: step.do, answer: await station.call(step.do, step.payload) });
        } catch (error) {
            say({ event: 'failed', step: step.do, error: error.rpcErrorCode ?? error.name, text: error.message });
        }
    }
    await server.close({ force: true });
    process.exit();
}

main();
