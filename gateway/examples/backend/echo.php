<?php // echo.php HOST PORT [NAME]: whoever connects is put into the group `lobby`, whatever they say is answered.
const STREAM = 'cw:{events}';
const GROUP = 'echo';
$name = $argv[3] ?? 'one';
$db = new Redis();
$db->connect($argv[1], (int) $argv[2]);

function call(Redis $db, string $function, string $channel, string ...$words): void
{
    $db->clearLastError();
    $db->rawCommand('FCALL', $function, '1', "cw:{c:$channel}", ...$words);
    $error = $db->getLastError();
    if ($error !== null && !str_starts_with($error, 'NOCHANNEL')) { // else it has gone meanwhile
        throw new RuntimeException($error);
    }
}

function handle(Redis $db, array $event): void
{
    match ($event['event'] ?? '') {
        'connect' => call($db, 'cw_group_add', $event['channel'], 'lobby'),
        'message' => call($db, 'cw_send', $event['channel'], $event['type'], $event['payload'], 'FROM', 'echo'),
        default => null, // empty: trimmed away meanwhile
    };
}

$db->xGroup('CREATE', STREAM, GROUP, '$', true); // false: it is there already
echo "ready\n";
$position = '0'; // what was read and never acknowledged, then what is new
while (true) {
    $entries = ($db->xReadGroup(GROUP, $name, [STREAM => $position], 100, 1000) ?: [])[STREAM] ?? [];
    if (!$entries) {
        $position = '>';
    }
    foreach ($entries as $id => $event) {
        handle($db, $event ?: []);
        $db->xAck(STREAM, GROUP, [$id]);
    }
}
