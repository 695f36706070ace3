// Two soft notes for a reply that nobody looks at.  The browser allows them
// once the visitor has used the page.

let context: AudioContext | undefined;

export function chime(): void {
  try {
    context ??= new AudioContext();
    const start = context.currentTime;

    for (const [index, pitch] of [659, 880].entries()) {
      const tone = context.createOscillator();
      const volume = context.createGain();
      const at = start + index * 0.12;

      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.08, at);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.4);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.4);
    }
  } catch {
    // No sound here: the badge and the live region say it too.
  }
}
